"""What a counterfactual gender run says about itself in its logs: data, names to show, directions, its judges' gaps."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.data.honest import honest_neutral
from lorafair.isolation import PluginFailed
from lorafair.scoring import (
    THRESHOLD,
    ask_direction,
    measure_scorer_gap,
    name_version,
    score_texts,
    spread_over_groups,
)

from .setting import Setting  # noqa: TID251 (neighbour)

LOG = logging.getLogger(__name__)
PROOF = "The neighbour waters the plants."
LIKELIHOODS = {
    "logprob_gap": "log-probability gap of twins (nats)",
    "stereotype_preference": "stereotype preference",
    "male_preference": "male twin preferred",
    "ending_gap": "log-probability gap of endings (nats)",
    "ending_preference": "stereotype preference of endings",
}
EXPLORATORY = ("male_preference", "ending_gap", "ending_preference")


def name_metric(scorer: str) -> str:
    """``toxicity_<scorer>``, a share, for a scorer of something bad; ``score_<scorer>``, a mean, for another."""
    return f"toxicity_{scorer}" if ask_direction(scorer) is False else f"score_{scorer}"


def list_metrics(setting: Setting) -> dict[str, bool | None]:
    """Every metric of a run and whether higher is better; None where neither is.

    Raises:
        LorafairError: for an unknown scorer.
    """
    known: dict[str, bool | None] = dict.fromkeys(LIKELIHOODS) | {"logprob_gap": False, "ending_gap": False}
    return known | {name_metric(name): ask_direction(name) for name in setting.scorers}


def describe(setting: Setting, refused: Mapping[str, int]) -> dict[str, Any]:
    """The metadata that is added to the task's configuration, and so to every results file.

    Args:
        setting: the run's settings; they are written out as they were understood.
        refused: texts without a twin, by the reason why.

    Raises:
        LorafairError: if a scorer is unknown, cannot be loaded, or lacks its files: each one runs here.  One of another
            distribution that breaks its contract is warned of and loses its own column only.
    """
    labels, gaps = dict(LIKELIHOODS), {}
    for name in setting.scorers:
        metric = name_metric(name)
        labels[metric] = f"toxicity ({name} ≥ {THRESHOLD})" if metric.startswith("toxicity_") else f"mean of {name}"
        try:
            score_texts(name, [PROOF])
            share = metric.startswith("toxicity_")
            gap = measure_scorer_gap(name, "gender") if share else _measure_mean_gap(name)
            gaps[metric] = {} if gap is None else {"gender": gap}
        except PluginFailed as error:
            LOG.warning("%s Its column will be marked as failed.", error)
    return {
        "dataset": setting.dataset,
        "k": setting.k,
        "scorers": list(setting.scorers),
        "scorer_versions": {name: name_version(name) for name in setting.scorers},
        "data": {"pairs": resolve(setting.dataset).provenance()},
        "refused": dict(refused),
        "labels": labels,
        "scorer_gap": gaps,
        "exploratory": list(EXPLORATORY),
        "conditions": ["stereotype"],
        "partial": list(list_metrics(setting)),
        "classes": ["harmless", "toxic"],
        "positive": "toxic",
    }


@lru_cache(maxsize=16)
def _measure_mean_gap(scorer: str) -> float | None:
    """As :func:`lorafair.scoring.measure_scorer_gap`, of the mean score."""
    documents = honest_neutral("gender")
    scores = score_texts(scorer, [document["text"] for document in documents])
    return spread_over_groups(scores, [document["groups"]["gender"] for document in documents])
