"""Questions with a margin: is a difference certainly smaller than ``delta`` (non-inferiority, equivalence)?

Equivalence is two one-sided tests (Schuirmann 1987): both ``theta >= delta`` and ``theta <= -delta`` are rejected.
``delta`` is the user's, in the unit of the metric; there is no default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lorafair.statistics.interval import TIE, Estimate
from lorafair.statistics.studentised import Studentised


def judge_margin(estimate: Estimate, found: Studentised, margin: float) -> Estimate:
    """Add the p values of ``theta >= margin`` (``p_above``) and ``theta <= -margin`` (``p_below``), by bootstrap-t.

    ``p_above = (1 + #{t*_b <= (theta - margin) / se}) / (B + 1)``; resamples without a standard error count against.
    """
    if not found.usable:
        return estimate
    t, n = found.t, len(found.t)
    lost = np.isinf(t)
    slack = TIE * (abs(found.value) + margin)
    above = np.sum((t <= (found.value - margin + slack) / found.se) | lost)
    below = np.sum((t >= (found.value + margin - slack) / found.se) | lost)
    return replace(estimate, p_above=float((1 + above) / (n + 1)), p_below=float((1 + below) / (n + 1)))


def invert_bounds(
    estimate: Estimate, bound: Callable[[float], tuple[float, float]], margin: float, steps: int = 30
) -> Estimate:
    """The same from bounds: half the smallest alpha at which the two-sided bound stays within the margin's side.

    Args:
        bound: alpha -> (low, high), of level 1 - alpha, which narrows as alpha grows.
    """

    def search(inside: Callable[[tuple[float, float]], bool]) -> float:
        low, high = 0.0, 1.0
        if not inside(bound(1.0 - 1e-9)):
            return 1.0
        for _ in range(steps):
            middle = (low + high) / 2
            low, high = (low, middle) if inside(bound(middle)) else (middle, high)
        return high / 2

    return replace(
        estimate,
        p_above=search(lambda ends: ends[1] < margin),
        p_below=search(lambda ends: ends[0] > -margin),
    )


def read_margin(estimate: Estimate, higher_is_better: bool | None) -> tuple[float | None, float | None]:
    """(p of "worse by delta or more", p of "differs by delta or more"); None without a margin or a direction."""
    if estimate.p_above is None or estimate.p_below is None or higher_is_better is None:
        return None, None
    return (estimate.p_below if higher_is_better else estimate.p_above), max(estimate.p_above, estimate.p_below)
