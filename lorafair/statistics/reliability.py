"""Confidence against accuracy: bins, the calibration error over them, and the curve that a report draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.exact import bound_proportion
from lorafair.statistics.grouping import Mask, divide
from lorafair.statistics.table import Floats, Table
from lorafair.statistics.terms import MOST, Terms

Places = NDArray[np.intp]
BINS = 10


@dataclass(frozen=True)
class Point:
    """One bin of a reliability curve: mean confidence, accuracy with a 95% interval, documents and clusters."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int
    clusters: int


def bin_evenly(confidence: Floats, bins: int) -> Places:
    """(n,) bin of each confidence among ``bins`` of equal width on [0, 1], open below and closed above."""
    edges = np.linspace(0, 1, bins + 1)
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)


def bin_by_sweep(confidence: Floats, right: Floats, count: Floats, rows: Mask) -> Places:
    """(n,) equal-mass bin of each row: the largest number of bins before accuracy falls from a bin to the next.

    Roelofs et al. 2022, algorithm 1: from two bins upwards until the accuracies are not monotone, then one fewer.
    Equal confidences share a bin.

    Args:
        confidence: (n,).
        right: (n,) 1 where the answer is the label.
        count: (n,) documents behind a row.
        rows: (n,) which rows are binned; the others get bin 0.
    """
    found = np.zeros(len(confidence), dtype=np.intp)
    if not rows.any():
        return found
    levels, place = np.unique(confidence[rows], return_inverse=True)
    mass = np.bincount(place, weights=count[rows])
    hits = np.bincount(place, weights=count[rows] * right[rows])
    rank = (np.cumsum(mass) - mass / 2) / mass.sum()
    best = np.zeros(len(levels), dtype=np.intp)
    for bins in range(2, len(levels) + 1):
        candidate = np.minimum((rank * bins).astype(np.intp), bins - 1)
        filled = np.bincount(candidate, weights=mass, minlength=bins)
        accuracy = np.bincount(candidate, weights=hits, minlength=bins)[filled > 0] / filled[filled > 0]
        if np.any(np.diff(accuracy) < -1e-12):
            break
        best = candidate
    found[rows] = best[place]
    return found


def sum_errors(error: Floats, place: Places, rows: Mask, weights: Floats) -> Floats:
    """(B,) ``sum_b |sum_{i in b} w_i error_i| / sum_i w_i`` over the rows: the expected calibration error."""
    which = np.flatnonzero(rows)
    if not len(which):
        return np.full(len(weights), np.nan)
    which = which[np.argsort(place[which], kind="stable")]
    starts = np.flatnonzero(np.diff(place[which], prepend=-1))
    mine = weights[:, which]
    return divide(np.abs(np.add.reduceat(mine * error[which], starts, axis=1)).sum(axis=1), mine.sum(axis=1))


def list_bins(error: Floats, place: Places, rows: Mask) -> Terms | None:
    """What :func:`sum_errors` is made of: a sum for each bin that has rows, and the documents; None for too many."""
    found, codes = np.unique(place[rows], return_inverse=True)
    if len(found) >= MOST:
        return None
    columns = np.zeros((len(error), len(found) + 1))
    columns[np.flatnonzero(rows), codes] = error[rows]
    columns[:, -1] = rows
    return Terms(columns, lambda sums: divide(np.abs(sums[..., :-1]).sum(axis=-1), sums[..., -1]))


def draw_reliability(table: Table, attribute: str | None = None, group: str = "", *, bins: int = BINS) -> list[Point]:
    """The reliability curve of everybody, or of one group, of a table with labels: see :func:`draw_curve`.

    Args:
        table: ``y``, ``answer`` and ``confidence``; documents with label and answer count.
        attribute: with ``group``, whose curve; None: everybody's.
        group: the group's name.
        bins: of equal width on [0, 1].
    """
    assert table.confidence is not None
    inside = np.ones(len(table.y), dtype=bool)
    if attribute is not None:
        inside = table.groups[attribute][:, table.names[attribute].index(group)]
    inside = inside & ~np.isnan(table.y) & ~np.isnan(table.confidence)
    right = np.asarray(table.answer == table.y, dtype=np.float64)
    return draw_curve(table.confidence, right, table.cluster, inside, count=table.count, bins=bins)


def draw_curve(
    confidence: Floats,
    right: Floats,
    cluster: Places,
    rows: Mask,
    *,
    count: Floats | None = None,
    bins: int = BINS,
) -> list[Point]:
    """A reliability curve (Guo et al. 2017): a point for each bin of equal width that has documents.

    Args:
        confidence: (n,) probability of the answer; ``right``: (n,) 1 where it is right; no NaN among the rows.
        cluster: (n,) codes; accuracies have Clopper-Pearson bounds with n = clusters.
        rows: (n,) which rows count; ``count``: documents behind each, one if None.
        bins: of equal width on [0, 1].

    Returns:
        points in order of confidence.
    """
    count = np.ones(len(confidence)) if count is None else count
    place = bin_evenly(confidence, bins)
    points = []
    for k in np.unique(place[rows]):
        inside = rows & (place == k)
        weight = count[inside]
        accuracy = float(np.average(right[inside], weights=weight))
        clusters = len(np.unique(cluster[inside]))
        low, high = bound_proportion(accuracy * clusters, clusters)
        mean = float(np.average(confidence[inside], weights=weight))
        points.append(Point(mean, accuracy, low, high, int(weight.sum()), clusters))
    return points
