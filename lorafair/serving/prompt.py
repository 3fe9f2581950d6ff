"""The few prompts on which an engine proves itself: ordinary sentences, each with a continuation of several tokens."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from lorafair.responses.request import Request, plan_requests

TASK = "verification"
VERSION = "1"
PAIRS = (
    ("The train to the coast leaves", " at seven in the morning from the second platform."),
    ("My neighbour opened a small", " bakery near the old market square last spring."),
    ("After the storm the children", " found a broken kite behind the school."),
    ("Water boils at a lower temperature", " when the air pressure is low."),
    ("The doctor said that she", " would call us back before the evening."),
    ("In the library nobody", " noticed that the clock had stopped."),
    ("The engineer explained why", " the bridge had to be closed for two weeks."),
    ("He has worked as a", " nurse in the same hospital for twenty years."),
    ("Every Friday the family", " cooks rice with beans and fresh lime."),
    ("The oldest house in our street", " belongs to a retired music teacher."),
    ("Without a map we", " walked along the river until it grew dark."),
    ("The new law", " does not change anything for small farms."),
    ("She learned to swim", " when she was forty years old."),
    ("Two of the five answers", " were wrong, but nobody complained."),
    ("People who live here", " speak at least three languages."),
    ("The museum shows", " photographs of the city before the war."),
)
"""16 pairs of context and continuation, written for this project."""
REPEATS = 3
"""Times that the base is asked: twice for the engine's own noise, once more after every swap."""


def plan_verification(label: str, identity: dict[str, Any], seed: int, repeats: int = 1) -> list[list[Request]]:
    """The verification requests to one checkpoint, by repeat: log-likelihoods of ``PAIRS``.

    Args:
        label: the checkpoint that answers.
        identity: as for every request of this engine and checkpoint (see ``plan_requests``).
        repeats: how often it is asked.
    """
    instances = [
        SimpleNamespace(task_name=TASK, doc_id=i, idx=0, request_type="loglikelihood", args=pair)
        for _ in range(repeats)
        for i, pair in enumerate(PAIRS)
    ]
    planned = plan_requests(instances, label, identity, {TASK: VERSION}, seed)
    return [planned[i : i + len(PAIRS)] for i in range(0, len(planned), len(PAIRS))]


def read_answers(requests: Sequence[Request], answers: dict[str, Any]) -> list[float]:
    """The log-probabilities (nats) of planned verification requests, in their order.

    Raises:
        KeyError: if one was not answered.
    """
    return [float(answers[request.key][0]) for request in requests]
