"""A classifier proves itself before an audit: its own head, its own adapter, and the same again after every swap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.classifier import trains_body
from lorafair.classifying import answers_itself
from lorafair.engines.contract import EngineSettings
from lorafair.engines.head import BARE
from lorafair.label_match import name_outputs
from lorafair.responses.asking import ask_missing
from lorafair.responses.request import Request, plan_requests
from lorafair.responses.store import ResponseStore
from lorafair.serving.head_prompt import VERSION, list_contents
from lorafair.serving.head_reference import ask_fresh
from lorafair.serving.judgement import Fault, Finding, judge_effect, judge_parity, root_mean_square
from lorafair.serving.prompt import TASK
from lorafair.serving.reference import lacks_room
from lorafair.serving.supervision import Supervisor
from lorafair.serving.verification import RETURN_TOLERANCE, Verification

PARITY = 1e-4
"""Nats within which a float32 answer must be that of a fresh load; on small models it is within 1e-5."""


def verify_classifiers(
    engine: str,
    base: Checkpoint,
    checkpoints: Sequence[Checkpoint],
    settings: EngineSettings,
    identities: dict[str, Any],
    supervisor: Supervisor,
    store: ResponseStore,
    say: Callable[[str], None],
    early: bool = True,
) -> Verification:
    """Ask each classifier about a few texts or drawn images, where it was not asked yet, and judge.

    *Effect*: its log-probabilities are not those of its head on the base's own body (left out where only a head was
    trained).  *Parity*: they are those of a fresh load by transformers and PEFT, one content at a time.  *Return*: they
    are the same once all the others were served.

    Args:
        as for :func:`lorafair.serving.verification.verify`.

    Returns:
        What was found; nothing is raised for a checkpoint that fails.
    """
    done = Verification()
    everyone = [*([base] if answers_itself(base, checkpoints) else []), *checkpoints]
    answers: dict[str, dict[str, Any]] = {c.label: store.read(c.hash) for c in everyone}
    content = {c.label: c.hash for c in everyone}
    exact: dict[str, list[float]] = {}
    rounded: dict[str, list[float]] = {}
    short = lacks_room(base)
    for checkpoint in everyone:
        for dtype, found in (("float32", exact), (settings.dtype, rounded)):
            facts = identities[checkpoint.label] | {"engine": "fresh load", "dtype": dtype}
            plan = _plan(checkpoint, facts, settings)[0]
            missing = [r for r in plan if r.key not in answers[checkpoint.label]]
            if missing and short is None:
                for request, answer in ask_fresh(base, checkpoint, plan, settings, dtype, done.failed):
                    store.write(checkpoint.hash, request, answer)
                    answers[checkpoint.label][request.key] = answer
            if all(r.key in answers[checkpoint.label] for r in plan):
                found[checkpoint.label] = _read(plan, answers[checkpoint.label])
    if short is not None and len(exact) < len(everyone):
        say(f"Parity is not checked: {short}.")
    asked = [c for c in everyone if c.label not in done.failed]
    own = {c.label: _plan(c, identities[c.label], settings, 2) for c in asked}
    trained = [c for c in asked if c.kind != "base" and trains_body(c)]
    bare = {c.label: _plan(c, identities[c.label], settings, 2, BARE) for c in trained}
    rounds = [
        [r for plan in own.values() for r in plan[0]],
        [r for plan in bare.values() for repeat in plan for r in repeat],
        [r for plan in own.values() for r in plan[1]],
    ]
    for requests in rounds:
        ask_missing(supervisor, requests, store, content, answers, show=False)
    done.failed |= supervisor.failed
    for checkpoint in asked:
        label = checkpoint.label
        if label in done.failed:
            continue
        first, again = (_read(plan, answers[label]) for plan in own[label])
        untrained = [_read(plan, answers[label]) for plan in bare.get(label, [])]
        cost = None if settings.dtype == "float32" else _measure_cost(rounded.get(label), exact.get(label))
        done.findings[label] = _judge(engine, label, settings.dtype, first, again, untrained, exact.get(label), cost)
    return done


def _plan(
    checkpoint: Checkpoint, identity: dict[str, Any], settings: EngineSettings, repeats: int = 1, *more: str
) -> list[list[Request]]:
    """The verification requests to a classifier by repeat: each content with each of its labels."""
    assert checkpoint.head is not None
    labels = list(name_outputs(checkpoint.head.labels, settings.label_map))
    instances = [
        SimpleNamespace(task_name=TASK, doc_id=i, idx=k, request_type="loglikelihood", args=(content, label, *more))
        for _ in range(repeats)
        for i, content in enumerate(list_contents(checkpoint.head.kind))
        for k, label in enumerate(labels)
    ]
    planned = plan_requests(instances, checkpoint.label, identity, {TASK: VERSION}, settings.seed)
    size = len(planned) // repeats
    return [planned[i : i + size] for i in range(0, len(planned), size)]


def _read(requests: Sequence[Request], answers: dict[str, Any]) -> list[float]:
    return [float(answers[request.key][0]) for request in requests]


def _measure_cost(rounded: list[float] | None, exact: list[float] | None) -> float | None:
    return None if rounded is None or exact is None else root_mean_square(rounded, exact)


def _judge(
    engine: str,
    label: str,
    dtype: str,
    first: list[float],
    again: list[float],
    untrained: list[list[float]],
    exact: list[float] | None,
    cost: float | None,
) -> Finding:
    facts: dict[str, Any] = {"label": label, "engine": engine, "dtype": dtype}
    fault: Fault | None = None
    if untrained:
        holds, facts["effect"], facts["noise"] = judge_effect(first, untrained[0], untrained[1])
        fault = None if holds else "effect"
    if exact is not None and (dtype == "float32" or cost is not None):
        holds, facts["deviation"], facts["tolerance"], _ = judge_parity(first, exact, cost, None)
        if dtype == "float32":
            facts["tolerance"] = PARITY
            holds = facts["deviation"] <= PARITY
        fault = fault if holds else "parity"
    allowed = RETURN_TOLERANCE if dtype == "float32" else max(RETURN_TOLERANCE, 3 * (cost or 0.0))
    if fault is None and not root_mean_square(again, first) <= allowed:
        fault = "return"
    return Finding(**facts, fault=fault)
