"""Intervals of descriptive numbers, projected from simultaneous intervals of the groups' levels.

Where every group's level lies within its bounds (which they do together, at the stated level), a number that is made of
the levels lies between the smallest and the largest value that levels within the bounds can give it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lorafair.statistics.interval import Estimate

METHOD = "descriptive, projected from simultaneous intervals of the groups"

Bounds = Sequence[tuple[float, float]]
"""(low, high) of each group's level."""


def project_spread(bounds: Bounds) -> tuple[float, float]:
    """Bounds of the largest minus the smallest level, for two groups or more."""
    lows, highs = [low for low, _ in bounds], [high for _, high in bounds]
    widest = max(high - low for i, high in enumerate(highs) for j, low in enumerate(lows) if i != j)
    return max(0.0, max(lows) - min(highs)), max(widest, 0.0)


def project_gap(gap: float, levels: Mapping[str, Estimate]) -> Estimate:
    """One model's max - min with the interval that simultaneous intervals of its groups' levels allow."""
    value = gap if np.isfinite(gap) else None
    bounds = [(one.low, one.high) for one in levels.values() if one.low is not None and one.high is not None]
    if value is None or len(bounds) < 2 or len(bounds) < len(levels):
        return Estimate(value, method="descriptive")
    low, high = project_spread(bounds)
    return Estimate(value, None, low, high, METHOD)


def project_lowest(bounds: Bounds) -> tuple[float, float]:
    """Bounds of the smallest level."""
    return min(low for low, _ in bounds), min(high for _, high in bounds)


def project_ratio(bounds: Bounds) -> tuple[float, float]:
    """Bounds of the smallest divided by the largest level, levels not negative."""
    lows, highs = [max(0.0, low) for low, _ in bounds], [high for _, high in bounds]
    top = max(highs)
    ratios = [min(1.0, high / low) if low > 0 else 1.0 for high in highs for low in [max(lows)]]
    return (min(lows) / top if top > 0 else 0.0), min(ratios)


def project_change(
    project: Callable[[Bounds], tuple[float, float]],
    one: Sequence[Bounds],
    other: Sequence[Bounds],
    apart: Sequence[Bounds],
) -> tuple[float, float]:
    """Bounds of a number's difference between two models (first minus second), from bounds that hold together.

    What each model's levels allow it; and of a spread no more than the groups' own differences spread, of the smallest
    level no more than the groups' differences reach.

    Args:
        project: the number's projection.
        one, other: the levels' bounds of each part of the number, of which the largest counts.
        apart: the bounds of each group's paired difference, per part.
    """
    ends = [[max(end[k] for end in map(project, each)) for k in (0, 1)] for each in (one, other)]
    low, high = ends[0][0] - ends[1][1], ends[0][1] - ends[1][0]
    if project is project_spread:
        most = max(project_spread(each)[1] for each in apart)
        return max(low, -most), min(high, most)
    if project is project_lowest and len(apart) == 1:
        return max(low, min(end for end, _ in apart[0])), min(high, max(end for _, end in apart[0]))
    return low, high
