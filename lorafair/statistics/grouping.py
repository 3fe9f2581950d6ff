"""One number for everybody, for each group and the gap between groups: what most metrics are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.table import Floats, Table

Mask = NDArray[np.bool_]


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise quotient, NaN where the denominator is not positive."""
    positive = denominator > 0
    return np.where(positive, numerator / np.where(positive, denominator, 1.0), np.nan)


def average(values: Floats, table: Table, weights: Floats) -> dict[str, Floats]:
    """Weighted mean of a per-document value by the metric contract: overall, per group, gap (largest minus smallest).

    Args:
        values: (n,); rows that are NaN are left out of numerator and denominator.
        table: of which ``groups`` are used.
        weights: (B, n), not negative.

    Returns:
        the contract's keys, each (B,); NaN without a denominator, gaps NaN with fewer than two groups that have one.
    """
    known = ~np.isnan(values)
    filled, counted = np.where(known, values, 0.0), known.astype(np.float64)
    found: dict[str, Floats] = {"overall": divide(weights @ filled, weights @ counted)}
    for attribute, member in table.groups.items():
        columns = member.astype(np.float64)
        if len(weights) == 1:  # as of a point estimate: a row to multiply by, and no matrix
            means = divide((weights * filled) @ columns, (weights * counted) @ columns)
        else:
            means = divide(weights @ (columns * filled[:, None]), weights @ (columns * counted[:, None]))
        found |= {f"group:{attribute}={name}": means[:, k] for k, name in enumerate(table.names[attribute])}
        found[name_gap(table, attribute)] = spread(means)
    return found


def evaluate(table: Table, function: Callable[[Mask], Floats]) -> dict[str, Floats]:
    """A metric that is no mean, by the metric contract: ``function(rows) -> (B,)`` asked once for each set of rows."""
    found = {"overall": function(np.ones(len(table.y), dtype=bool))}
    for attribute, member in table.groups.items():
        columns = [function(member[:, k]) for k in range(member.shape[1])]
        found |= {f"group:{attribute}={n}": c for n, c in zip(table.names[attribute], columns, strict=True)}
        found[name_gap(table, attribute)] = spread(np.column_stack(columns))
    return found


def compare_groups(
    values: Mapping[str, Floats], table: Table, function: Callable[[Floats], Floats]
) -> dict[str, Floats]:
    """A descriptive number per attribute: ``function`` of the (B, g) matrix of its groups' levels, under the gap's key.

    Args:
        values: what a metric gave for the table, of which the ``group:`` keys are used.
    """
    found = {}
    for attribute in table.groups:
        levels = np.column_stack([values[f"group:{attribute}={name}"] for name in table.names[attribute]])
        found[name_gap(table, attribute)] = function(levels)
    return found


def spread(levels: Floats) -> Floats:
    """Largest minus smallest of (B, g) over groups that have a level; NaN with fewer than two."""
    present = ~np.isnan(levels)
    high = np.where(present, levels, -np.inf).max(axis=1, initial=-np.inf)
    low = np.where(present, levels, np.inf).min(axis=1, initial=np.inf)
    return np.where(present.sum(axis=1) >= 2, high - np.where(np.isinf(low), 0.0, low), np.nan)


def sum_clusters(values: Floats, table: Table) -> Floats:
    """(C, S) sums over each cluster's documents, counts included, of the columns of ``values`` (n, S)."""
    weighted = values * table.count[:, None]
    sums = [np.bincount(table.cluster, weights=column, minlength=table.clusters) for column in weighted.T]
    return np.column_stack(sums).astype(np.float64)


def name_gap(table: Table, attribute: str) -> str:
    """``gap`` where the table has one attribute, ``gap:<attribute>`` where it has several."""
    return "gap" if len(table.groups) == 1 else f"gap:{attribute}"


def lowest(levels: Floats) -> Floats:
    """Smallest of (B, g) over groups that have a level; NaN without any."""
    low = np.where(np.isnan(levels), np.inf, levels).min(axis=1, initial=np.inf)
    return np.where(np.isinf(low), np.nan, low)


def ratio(levels: Floats) -> Floats:
    """Smallest divided by largest of (B, g) over groups that have a level; NaN with fewer than two, or if all are 0."""
    high = -lowest(-levels)
    return np.where((~np.isnan(levels)).sum(axis=1) >= 2, divide(lowest(levels), high), np.nan)
