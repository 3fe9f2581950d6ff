"""Figures of the serving benchmark: a row of its table, and the interval of a median that says how sure a ratio is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table; ``reached`` is None where the goal cannot be judged from this run."""

    measure: str
    measured: str
    goal: str
    reached: bool | None


@dataclass
class Section:
    """What one section of the benchmark found: its rows, and every number behind them."""

    rows: list[Row] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)


def find_interval(values: Sequence[float], least: float = 0.95) -> tuple[float, float, float]:
    """(low, high, coverage) of the median: the narrowest pair of order statistics that covers it with ``least``.

    Distribution-free: the k-th smallest and k-th largest of n cover with 1 - 2 P(Bin(n, 1/2) < k).  Where n is too
    small for ``least`` the extremes are given with the coverage that they have.
    """
    ordered = sorted(values)
    n = len(ordered)
    coverages = {k: 1 - 2 * sum(comb(n, i) for i in range(k)) / 2**n for k in range(1, n // 2 + 1)}
    wide_enough = [k for k, coverage in coverages.items() if coverage >= least]
    k = max(wide_enough, default=1)
    return ordered[k - 1], ordered[n - k], coverages.get(k, 0.0)


def describe_ratios(ratios: Sequence[float], clock: str) -> str:
    """The median of paired ratios with its interval, as it stands in the table."""
    low, high, coverage = find_interval(ratios)
    pairs = f"{len(ratios)} interleaved pair{'s' * (len(ratios) != 1)}"
    text = f"{statistics.median(ratios):.3f}x {clock}"
    if len(ratios) < 2:
        return f"{text} ({pairs}: no interval)"
    return f"{text} \\[{low:.3f}, {high:.3f}\\] (median of {pairs}, {100 * coverage:.0f}% interval)"


def fit_line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Least-squares (intercept, slope) of y on x, and the largest deviation from the line as a share of its y."""
    slope, intercept = statistics.linear_regression(x, y)
    worst = max(abs(b - intercept - slope * a) / b for a, b in zip(x, y, strict=True))
    return intercept, slope, worst


def write_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table: measure, measured, goal."""
    words = {True: "reached", False: "**not reached**", None: "not judged"}
    lines = ["| measure | measured | goal |", "| --- | --- | --- |"]
    lines += [f"| {row.measure} | {row.measured} | {row.goal}: {words[row.reached]} |" for row in rows]
    return "\n".join(lines)
