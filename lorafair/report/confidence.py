"""How sure a model was of its answers to multiple-choice documents, and how often it was right."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
    lm-eval's ``acc`` is 1.  Documents whose options stand in different contexts are left out.
    """
    found: dict[str, dict[tuple[str, str | None, str], list[Bin]]] = {}
    for one in audit.samples:
        if one.path is None or "acc" not in one.values:
            continue
        known = read_confidences(one.path)
        confidence = np.array([known.get(key.partition(":")[0], math.nan) for key in one.keys])
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


def read_confidences(path: Path) -> dict[str, float]:
    """Document number -> the largest probability among its options; other samples and broken lines are passed over."""
    found: dict[str, float] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                sample = json.loads(line)
            except ValueError:
                continue
            likely = _read_likelihoods(sample) if isinstance(sample, dict) else []
            if len(likely) > 1:
                top = max(likely)
                found.setdefault(str(sample.get("doc_id")), 1 / sum(math.exp(value - top) for value in likely))
    return found


def _read_likelihoods(sample: dict[str, Any]) -> list[float]:
    """The options' log-likelihoods, which lm-eval writes as text; empty where it is no multiple-choice sample."""
    arguments, answers = sample.get("arguments"), sample.get("filtered_resps")
    listed = list(arguments.values()) if isinstance(arguments, dict) else arguments
    if not isinstance(listed, list) or not isinstance(answers, list) or len(listed) != len(answers):
        return []
    contexts: set[str] = set()
    values: list[float] = []
    for request, answer in zip(listed, answers, strict=True):
        parts = list(request.values()) if isinstance(request, dict) else request
        if not isinstance(parts, list) or not isinstance(answer, list) or len(answer) != 2 or not parts:
            return []
        try:
            values.append(float(answer[0]))
        except (TypeError, ValueError):
            return []
        contexts.add(str(parts[0]))
    return values if len(contexts) == 1 and all(math.isfinite(value) for value in values) else []
