"""How sure a model was of its answers to multiple-choice documents, and how often it was right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.answer import Answers
from lorafair.report.reliability import Curves
from lorafair.samples import Audit, Samples
from lorafair.statistics.reliability import Point, draw_curve
from lorafair.statistics.table import Floats


def collect_curves(audit: Audit) -> dict[str, Curves]:
    """Task -> (model, attribute, group) -> points, for tasks whose samples have ``acc`` and the options' likelihoods.

    A document's confidence is the largest share of the softmax over its options' log-likelihoods; it is right where
    lm-eval's ``acc`` is 1.
    """
    found: dict[str, dict[tuple[str, str | None, str], list[Point]]] = {}
    codes: dict[int, NDArray[np.intp]] = {}  # most models share the lists of clusters and groups
    members: dict[int, dict[tuple[str | None, str], Any]] = {}
    for one in audit.samples:
        if one.answers is None or "acc" not in one.values:
            continue
        confidence = read_confidences(one.answers)
        right = np.array(one.values["acc"])
        if id(one.clusters) not in codes:
            codes[id(one.clusters)] = np.unique(one.clusters, return_inverse=True)[1].astype(np.intp)
        if id(one.groups) not in members:
            members[id(one.groups)] = _list_members(one)
        cluster = codes[id(one.clusters)]
        usable = ~np.isnan(confidence) & ~np.isnan(right)
        if usable.any():
            curves = found.setdefault(one.task, {})
            for (attribute, group), inside in members[id(one.groups)].items():
                if (inside & usable).any():
                    curves[one.model, attribute, group] = draw_curve(confidence, right, cluster, inside & usable)
    return dict(found)


def _list_members(samples: Samples) -> dict[tuple[str | None, str], Any]:
    """(attribute, group) -> which documents are in it; (None, "") is all of them."""
    members: dict[tuple[str | None, str], Any] = {(None, ""): np.ones(len(samples.keys), dtype=bool)}
    for i, groups in enumerate(samples.groups):
        for attribute, names in groups.items():
            for name in names:
                members.setdefault((attribute, name), np.zeros(len(samples.keys), dtype=bool))[i] = True
    return members


def read_confidences(answers: Answers) -> Floats:
    """(n,) the largest probability among a document's options; NaN where they are not known or one is impossible."""
    if isinstance(options := answers.logprobs, np.ndarray):
        if not options.shape[1]:
            return np.full(len(options), np.nan)
        return np.asarray(np.exp(np.where(np.isfinite(options).all(axis=1), options.max(axis=1), np.nan)))
    known = [max(each) if each and all(map(math.isfinite, each)) else math.nan for each in answers.logprobs]
    return np.exp(np.array(known, dtype=np.float64))
