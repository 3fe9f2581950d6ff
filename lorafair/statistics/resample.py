"""A metric at the point estimate, with each cluster left out, and in cluster bootstrap resamples: one code path.

Resamples are multinomial weights over clusters (Cameron, Gelbach and Miller 2008; Owen 2007), the same rows for every
model over the same clusters, so that a difference of two models is a paired difference in each resample.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.draw import Draw
from lorafair.statistics.table import Floats, Metric, Table

_CHUNK = 4_000_000  # cells of a weight matrix held at a time
_LARGE = 20_000_000  # cells of a draw that is not kept beside another
_SMALL = 3_000_000  # cells of a draw whose counts are kept beside 63 others


def draw_weights(clusters: int, resamples: int, seed: int) -> Floats:
    """Multinomial cluster weights, shape (resamples, clusters), every row adding up to ``clusters``."""
    return take_draw(clusters, resamples, seed).weights


def take_draw(clusters: int, resamples: int, seed: int, block: int = 0) -> Draw:
    """The resamples of that many clusters, drawn once as long as they are in use; ``block``: further ones."""
    keep = _draw_large if clusters * resamples > _LARGE else _draw_block if block else _draw
    return keep(clusters, resamples, seed, block)


def _make_draw(clusters: int, resamples: int, seed: int, block: int) -> Draw:
    count = _count_kept if clusters * resamples <= _SMALL else _count
    return Draw(count(clusters, resamples, seed, block).astype(np.float64))


def _count(clusters: int, resamples: int, seed: int, block: int) -> NDArray[np.integer[Any]]:
    """How often each cluster is drawn, in the smallest type that holds it."""
    rng = np.random.default_rng([seed, clusters] + ([block] if block else []))
    drawn: NDArray[np.integer[Any]]
    if block:  # the same distribution, several times as fast
        drawn = np.zeros((resamples, clusters), dtype=np.uint32)
        step = max(1, _CHUNK // clusters)
        for at in range(0, resamples, step):
            some = drawn[at : at + step]
            which = rng.integers(clusters, size=some.shape)
            which += clusters * np.arange(len(some))[:, None]
            some[:] = np.bincount(which.ravel(), minlength=some.size).reshape(some.shape)
    else:
        drawn = rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=resamples)
    return drawn.astype(np.min_scalar_type(int(drawn.max(initial=0))))


_draw, _draw_large = lru_cache(maxsize=4)(_make_draw), lru_cache(maxsize=1)(_make_draw)
_draw_block, _count_kept = lru_cache(maxsize=1)(_make_draw), lru_cache(maxsize=64)(_count)


@dataclass(frozen=True)
class Sampled:
    """K estimands of one model (or of a paired difference) under all the weights.

    ``keys``: names, K of them (``overall``, ``group:a=k``, ``rest:a=k``, ``gap``); ``estimate`` (K,); ``jackknife``
    (T, K), row t without one cluster of kind t; ``bootstrap`` (B, K); ``mass`` (T, K), such a cluster's documents
    behind the estimand over the mean of all clusters (NaN where there are none); ``draw``: the B resamples; ``linear``
    (K,): the estimands that are linear in the clusters' sums, none where it is empty; ``halves``: what a difference is
    the difference of; ``parts``: what was made of it for one standard error and serves the next.
    """

    keys: tuple[str, ...]
    estimate: Floats
    jackknife: Floats
    bootstrap: Floats
    mass: Floats
    draw: Draw
    linear: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=bool))
    halves: tuple[Sampled, Sampled] | None = field(default=None, compare=False, repr=False)
    parts: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def clusters(self) -> int:
        """How many clusters were resampled."""
        return self.draw.clusters

    @property
    def weights(self) -> Floats:
        """(B, T) how often clusters of each kind were drawn."""
        return self.draw.weights

    def first(self) -> Sampled:
        """With the first resample only, for who needs the estimates and the jackknife."""
        draw = Draw(self.weights[:1], self.draw.times)
        return replace(self, bootstrap=self.bootstrap[:1], draw=draw, halves=None, parts={})

    def minus(self, other: Sampled, *, halves: bool = False) -> Sampled:
        """The paired difference; both must have been sampled over the same documents.

        Args:
            halves: what the difference needs of the resamples comes from what both models need of them, quicker where
                both are asked for that too.

        Raises:
            ValueError: if the keys or the clusters differ (a programming error, not a user's).
        """
        if self.keys != other.keys or self.jackknife.shape != other.jackknife.shape:
            raise ValueError("a paired difference needs the same estimands over the same clusters")
        return Sampled(
            self.keys,
            self.estimate - other.estimate,
            self.jackknife - other.jackknife,
            self.bootstrap - other.bootstrap,
            self.mass,
            self.draw,
            self.linear & other.linear if len(self.linear) == len(other.linear) else self.linear[:0],
            (self, other) if halves and self.draw is other.draw else None,
        )


def sample(
    metric: Metric, table: Table, *, resamples: int, seed: int, settings: dict[str, Any] | None = None
) -> Sampled:
    """Evaluate ``metric`` on ``table`` and, for contrasts, on each group's rest, under all the weights.

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
    draw = take_draw(clusters, resamples, seed)
    rows = np.concatenate([np.ones((1, clusters)), np.ones((clusters, clusters)) - np.eye(clusters), draw.weights])
    if getattr(metric, "row_additive", False):
        table = table.merge()
    values = _evaluate(metric, table, rows, settings or {})
    rest = _evaluate(metric, table.rest(), rows, settings or {}) if table.groups else {}
    values |= {f"rest:{key.removeprefix('group:')}": v for key, v in rest.items() if key.startswith("group:")}
    keys = tuple(values)
    matrix = np.column_stack([values[key] for key in keys])
    mass = np.column_stack([count_documents(table, key) for key in keys])
    total = mass.sum(axis=0)
    relative = mass * clusters / np.where(total > 0, total, np.nan)
    return Sampled(keys, matrix[0], matrix[1 : 1 + clusters], matrix[1 + clusters :], relative, draw)


def _evaluate(metric: Metric, table: Table, rows: Floats, settings: dict[str, Any]) -> dict[str, Floats]:
    """The metric for each row of cluster weights, a bounded number of rows at a time."""
    step = max(1, _CHUNK // max(1, len(table.y)))
    parts = [
        metric(table, rows[at : at + step][:, table.cluster] * table.count, **settings)
        for at in range(0, len(rows), step)
    ]
    return {key: np.concatenate([np.asarray(part[key], dtype=np.float64) for part in parts]) for key in parts[0]}


def count_documents(table: Table, key: str) -> Floats:
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
