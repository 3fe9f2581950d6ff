"""Confidence sequences: intervals that hold at every time at once, so that asking may stop when a question is decided.

The hedged capital process of Waudby-Smith and Ramdas (2024, "Estimating means of bounded random variables by betting",
their predictable plug-in bets): for a mean m of values x_t in [0, 1], seen one cluster after another,

    K+_t(m) = prod (1 + min(l_i, 1/(2m)) (x_i - m)),  K-_t(m) = prod (1 - min(l_i, 1/(2(1-m))) (x_i - m)),
    l_t = sqrt(2 log(2/alpha) / (s^2_{t-1} t log(t + 1))),

with s^2 a running variance that knows the past only.  At the true mean ``max(K+, K-) / 2`` exceeds ``1 / alpha`` with a
probability of at most alpha, ever (Ville 1939), so the values of m where it never did are the sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lorafair.statistics.table import Floats

Word = Literal["rise", "fall", "equivalent", "undecided"]


@dataclass(frozen=True)
class Decision:
    """What was decided after how many clusters; ``low`` and ``high`` hold the mean with everything seen until then."""

    word: Word
    clusters: int
    low: float
    high: float


def bound_sequence(values: Floats, alpha: float = 0.05, points: int = 401) -> tuple[Floats, Floats]:
    """Lower and upper ends (n,) after each cluster; they never widen, and hold the mean at all n at once.

    Args:
        values: (n,) one paired difference a cluster, in [-1, 1], in an order that does not depend on them.
        alpha: chance that the mean is ever outside.
        points: of the grid of means; ends are rounded outward by one step.

    Raises:
        ValueError: for a value outside [-1, 1] or NaN (a programming error, not a user's).
    """
    if not len(values):
        return np.empty(0), np.empty(0)
    if not (np.abs(values) <= 1).all():
        raise ValueError("a confidence sequence needs differences in [-1, 1]")
    x = (values + 1) / 2
    n = len(x)
    t = np.arange(1, n + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    spread = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    known = np.concatenate([[0.25], spread[:-1]])
    bets = np.sqrt(2 * np.log(2 / alpha) / (known * t * np.log(t + 1)))[:, None]
    grid = np.linspace(0, 1, points)
    with np.errstate(divide="ignore"):
        up = np.minimum(bets, 0.5 / grid) * (x[:, None] - grid)
        down = np.minimum(bets, 0.5 / (1 - grid)) * (x[:, None] - grid)
    capital = np.maximum(np.cumsum(np.log1p(up), axis=0), np.cumsum(np.log1p(-down), axis=0)) - np.log(2)
    alive = np.minimum.accumulate(capital < np.log(1 / alpha), axis=0)
    step = grid[1]
    first, last = alive.argmax(axis=1), points - 1 - alive[:, ::-1].argmax(axis=1)
    some = np.minimum.accumulate(alive.any(axis=1))  # an empty set (an event of probability alpha) keeps the last ends
    at = np.maximum.accumulate(np.where(some, np.arange(n), 0))
    low, high = grid[first][at] - step, grid[last][at] + step
    return 2 * np.maximum(low, 0) - 1, 2 * np.minimum(high, 1) - 1


def decide(values: Floats, *, alpha: float = 0.05, margin: float | None = None, at_least: int = 10) -> Decision:
    """Ask cluster after cluster until the sign of the mean, or that it lies within the margin, is certain.

    Args:
        values: as :func:`bound_sequence`; all n of them, of which the answer uses the first ones.
        alpha: chance of a wrong word, however often one looks.
        margin: stop as equivalent once the mean is certainly within it; None: only a sign stops.
        at_least: clusters before anything is decided.
    """
    low, high = bound_sequence(values, alpha)
    n = len(values)
    inside = np.zeros(n, dtype=bool) if margin is None else (low > -margin) & (high < margin)
    done = (low > 0) | (high < 0) | inside
    done[: min(n, at_least - 1)] = False
    if not n:
        return Decision("undecided", 0, -1.0, 1.0)
    stop = int(done.argmax()) if done.any() else n - 1
    word: Word = "rise" if low[stop] > 0 else "fall" if high[stop] < 0 else "equivalent"
    return Decision(word if done.any() else "undecided", stop + 1, float(low[stop]), float(high[stop]))


def decide_all(
    values: Mapping[str, Floats], *, alpha: float = 0.05, margin: float | None = None, at_least: int = 10
) -> dict[str, Decision]:
    """One decision for each checkpoint, alpha shared between them (Bonferroni, so that it holds at every time)."""
    return {
        label: decide(each, alpha=alpha / len(values), margin=margin, at_least=at_least)
        for label, each in values.items()
    }
