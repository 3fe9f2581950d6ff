"""Bounds for what resampling cannot see: no hit at all, no discordance, or so few that resamples lose them all.

All treat a cluster as one observation in [0, 1] (in [-1, 1] for a difference, split into its positive and negative
part), which is conservative for several documents a cluster.  Clopper and Pearson 1934.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.interval import Estimate
from lorafair.statistics.margin import invert_bounds
from lorafair.statistics.table import Floats, Table

Mask = NDArray[np.bool_]


def bound_proportion(hits: float, n: float, alpha: float = 0.05) -> tuple[float, float]:
    """Clopper-Pearson interval of ``hits`` (may be fractional) out of ``n``, two-sided, level 1 - alpha."""
    from scipy.special import betaincinv

    low = 0.0 if hits <= 0 else float(betaincinv(hits, n - hits + 1, alpha / 2))
    high = 1.0 if hits >= n else float(betaincinv(hits + 1, n - hits, 1 - alpha / 2))
    return low, high


def bound_level(table: Table, inside: Mask, alpha: float = 0.05, *, signed: bool = False) -> tuple[float, float]:
    """Bounds of the mean of ``y`` over the rows ``inside``: a proportion of clusters, or ``signed``, of two parts.

    For differences, ``y`` in [-1, 1], the mean is ``P - N``, the means of the positive and of the negative part, each
    bounded at ``alpha / 2``; without any discordance that is the symmetric bound of zero hits.
    """
    y, weight = table.y[inside], table.count[inside]
    n = len(np.unique(table.cluster[inside]))
    above = float(np.sum(weight * np.maximum(y, 0)) / weight.sum())
    below = float(np.sum(weight * np.maximum(-y, 0)) / weight.sum())
    if not signed:
        return bound_proportion(above * n, n, alpha)
    high_part, low_part = bound_proportion(above * n, n, alpha / 2), bound_proportion(below * n, n, alpha / 2)
    return high_part[0] - low_part[1], high_part[1] - low_part[0]


def flip_signs(contributions: Floats, seed: int, resamples: int) -> float:
    """Two-sided sign-flip p value of a sum of cluster contributions (C,); 1 where nothing contributes."""
    active = contributions[np.abs(contributions) > 1e-15]
    if not len(active):
        return 1.0
    drawn = np.random.default_rng([seed, 1]).integers(0, 256, (resamples, -(-len(active) // 8)), dtype=np.uint8)
    heads = np.unpackbits(drawn, axis=1, count=len(active)).astype(np.float64)
    flipped = np.abs(2 * (heads @ active) - active.sum())
    return float((1 + np.sum(flipped >= abs(active.sum()) - 1e-12)) / (resamples + 1))


def bound_estimate(
    table: Table,
    value: float | None,
    se: float | None,
    *,
    group: Mask | None,
    rest: Mask | None,
    signed: bool,
    family: int,
    alpha: float,
    seed: int,
    resamples: int,
    margin: float | None = None,
) -> Estimate:
    """The exact counterpart of one estimate: of ``group`` (None: everybody), minus ``rest`` where given.

    Args:
        table: ``y`` in [0, 1], or (``signed``) differences in [-1, 1].
        family: members of the family it belongs to: its alpha is ``alpha / family``, its p times ``family``.
        margin: of the questions of :mod:`lorafair.statistics.margin`, where asked.
    """
    everybody = np.ones(len(table.y), dtype=bool) if group is None else group
    clusters = len(np.unique(table.cluster[everybody]))
    outside = table.y.max(initial=0.0) > 1 or table.y.min(initial=0.0) < (-1 if signed else 0)
    if value is None or clusters < 2 or outside or (rest is not None and not rest.any()):
        return Estimate(value, se)
    contributions = _contributions(table, everybody)
    if rest is not None:
        contributions = contributions - _contributions(table, rest)

    def bound(level: float) -> tuple[float, float]:
        if rest is None:
            return bound_level(table, everybody, level, signed=signed)
        one = bound_level(table, everybody, level / 2, signed=signed)
        other = bound_level(table, rest, level / 2, signed=signed)
        return one[0] - other[1], one[1] - other[0]

    low, high = bound(alpha / family)
    p = flip_signs(contributions, seed, resamples)
    method = f"Clopper-Pearson bound, n = {clusters} clusters" + (f", Bonferroni over {family}" if family > 1 else "")
    found = Estimate(value, se, low, high, method, p, min(1.0, p * family))
    return found if margin is None else invert_bounds(found, bound, margin)


def _contributions(table: Table, inside: Mask) -> Floats:
    weight = table.count[inside]
    share = np.bincount(table.cluster[inside], weights=weight * table.y[inside], minlength=table.clusters)
    return np.asarray(share / weight.sum(), dtype=np.float64)
