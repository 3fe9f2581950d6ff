"""How sure a model was of its answers to multiple-choice documents, and how often it was right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lorafair.answer import Answers
from lorafair.report.reliability import Curves
from lorafair.samples import Audit, Samples
from lorafair.statistics.exact import bound_proportion
from lorafair.statistics.table import Floats

BINS = 10


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability curve: mean confidence, accuracy with its 95% interval, documents and clusters."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int
    clusters: int


def collect_curves(audit: Audit) -> dict[str, Curves]:
    """Task -> (model, attribute, group) -> bins, for tasks whose samples have ``acc`` and the options' likelihoods.

    A document's confidence is the largest share of the softmax over its options' log-likelihoods; it is right where
    lm-eval's ``acc`` is 1.
    """
    found: dict[str, dict[tuple[str, str | None, str], list[Bin]]] = {}
    for one in audit.samples:
        if one.answers is None or "acc" not in one.values:
            continue
        confidence = read_confidences(one.answers)
        right = np.array(one.values["acc"])
        usable = ~np.isnan(confidence) & ~np.isnan(right)
        if usable.any():
            curves = found.setdefault(one.task, {})
            for (attribute, group), inside in _list_members(one).items():
                if (inside & usable).any():
                    curves[one.model, attribute, group] = bin_evenly(confidence, right, one.clusters, inside & usable)
    return dict(found)


def _list_members(samples: Samples) -> dict[tuple[str | None, str], Any]:
    """(attribute, group) -> which documents are in it; (None, "") is all of them."""
    members: dict[tuple[str | None, str], Any] = {(None, ""): np.ones(len(samples.keys), dtype=bool)}
    for i, groups in enumerate(samples.groups):
        for attribute, names in groups.items():
            for name in names:
                members.setdefault((attribute, name), np.zeros(len(samples.keys), dtype=bool))[i] = True
    return members


def bin_evenly(confidence: Floats, right: Floats, clusters: list[str], inside: Any) -> list[Bin]:
    """Bins of equal width on [0, 1], open below and closed above, those that have documents (Guo et al. 2017).

    Args:
        confidence, right: (n,) numbers.
        clusters: of the n documents; intervals are Clopper-Pearson bounds with n = clusters.
        inside: (n,) which documents count.
    """
    place = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1)
    bins = []
    for k in range(BINS):
        rows = np.flatnonzero(inside & (place == k))
        if len(rows):
            accuracy, number = float(right[rows].mean()), len({clusters[i] for i in rows})
            low, high = bound_proportion(accuracy * number, number)
            bins.append(Bin(float(confidence[rows].mean()), accuracy, low, high, len(rows), number))
    return bins


def read_confidences(answers: Answers) -> Floats:
    """(n,) the largest probability among a document's options; NaN where they are not known or one is impossible."""
    known = [max(each) if each and all(map(math.isfinite, each)) else math.nan for each in answers.logprobs]
    return np.exp(np.array(known, dtype=np.float64))
