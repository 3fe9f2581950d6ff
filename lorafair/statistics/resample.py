"""A metric at the point estimate, with each cluster left out, and in cluster bootstrap resamples: one code path.

Resamples are multinomial weights over clusters (Cameron, Gelbach and Miller 2008; Owen 2007), the same rows for every
model over the same clusters, so that a difference of two models is a paired difference in each resample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lorafair.statistics.cluster_mean import is_mean, weigh_clusters
from lorafair.statistics.table import Floats, Metric, Table

_CHUNK = 4_000_000  # cells of a weight matrix held at a time


@lru_cache(maxsize=4)
def draw_weights(clusters: int, resamples: int, seed: int) -> Floats:
    """Multinomial cluster weights, shape (resamples, clusters), every row adding up to ``clusters``."""
    rng = np.random.default_rng([seed, clusters])
    return rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=resamples).astype(np.float64)


@dataclass(frozen=True)
class Sampled:
    """K estimands of one model (or of a paired difference) under all the weights.

    ``keys``: names, K of them (``overall``, ``group:a=k``, ``rest:a=k``, ``gap``); ``estimate`` (K,); ``jackknife``
    (C, K), row c without cluster c; ``bootstrap`` (B, K); ``mass`` (C, K), each cluster's documents behind the estimand
    over their mean (NaN where there are none); ``weights`` (B, C).
    """

    keys: tuple[str, ...]
    estimate: Floats
    jackknife: Floats
    bootstrap: Floats
    mass: Floats
    weights: Floats

    @property
    def clusters(self) -> int:
        """How many clusters were resampled."""
        return len(self.jackknife)

    def minus(self, other: Sampled) -> Sampled:
        """The paired difference; both must have been sampled over the same documents.

        Raises:
            ValueError: if the keys or the clusters differ (a programming error, not a user's).
        """
        if self.keys != other.keys or self.clusters != other.clusters:
            raise ValueError("a paired difference needs the same estimands over the same clusters")
        return Sampled(
            self.keys,
            self.estimate - other.estimate,
            self.jackknife - other.jackknife,
            self.bootstrap - other.bootstrap,
            self.mass,
            self.weights,
        )


def sample(
    metric: Metric, table: Table, *, resamples: int, seed: int, settings: dict[str, Any] | None = None
) -> Sampled:
    """Evaluate ``metric`` on ``table`` and, for contrasts, on each group's rest, under all the weights.

    One that says it is the mean of ``y`` (``mean_of_y``), and is at the estimate, is taken from sums over clusters.

    Args:
        metric: by the contract ``(table, weights, **settings) -> {key: (B,)}``.
        table: n rows in C clusters (C at least 1).
        resamples: B.
        seed: of the resamples; the same seed and number of clusters give the same rows.
        settings: handed to the metric.

    Returns:
        all keys of the metric, and ``rest:<attribute>=<name>`` for every group.
    """
    clusters = table.clusters
    drawn = draw_weights(clusters, resamples, seed)
    if getattr(metric, "mean_of_y", False) and not settings and not np.isnan(table.y).any():
        found, size = weigh_clusters(table, drawn)
        if is_mean(metric(table, table.count[None, :]), found):
            return _collect(found, size, drawn)
    rows = np.concatenate([np.ones((1, clusters)), np.ones((clusters, clusters)) - np.eye(clusters), drawn])
    if getattr(metric, "row_additive", False):
        table = table.merge()
    values = _evaluate(metric, table, rows, settings or {})
    rest = _evaluate(metric, table.rest(), rows, settings or {}) if table.groups else {}
    values |= {f"rest:{key.removeprefix('group:')}": v for key, v in rest.items() if key.startswith("group:")}
    return _collect(values, np.column_stack([_documents(table, key) for key in values]), drawn)


def _collect(values: dict[str, Floats], size: Floats, drawn: Floats) -> Sampled:
    """From key -> (1 + C + B,) and the (C, K) documents behind each key."""
    clusters = drawn.shape[1]
    matrix, total = np.column_stack(list(values.values())), size.sum(axis=0)
    relative = size * clusters / np.where(total > 0, total, np.nan)
    return Sampled(tuple(values), matrix[0], matrix[1 : 1 + clusters], matrix[1 + clusters :], relative, drawn)


def _evaluate(metric: Metric, table: Table, rows: Floats, settings: dict[str, Any]) -> dict[str, Floats]:
    """The metric for each row of cluster weights, a bounded number of rows at a time."""
    step = max(1, _CHUNK // max(1, len(table.y)))
    parts = [
        metric(table, rows[at : at + step][:, table.cluster] * table.count, **settings)
        for at in range(0, len(rows), step)
    ]
    return {key: np.concatenate([np.asarray(part[key], dtype=np.float64) for part in parts]) for key in parts[0]}


def _documents(table: Table, key: str) -> Floats:
    """(C,) documents of each cluster that stand behind an estimand."""
    inside = np.ones(len(table.y), dtype=bool)
    kind, _, what = key.partition(":")
    for attribute, member in table.groups.items():
        for k, name in enumerate(table.names[attribute]):
            if what == f"{attribute}={name}" and kind in {"group", "rest"}:
                inside = member[:, k] if kind == "group" else member.any(axis=1) & ~member[:, k]
    counted: Floats = np.bincount(table.cluster[inside], weights=table.count[inside], minlength=table.clusters).astype(
        np.float64
    )
    return counted
