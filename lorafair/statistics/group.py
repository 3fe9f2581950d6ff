"""From one number to a whole metric: the same measure over all documents and over each group, and the groups' gap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lorafair.statistics.table import Floats, Table


def measure_groups(table: Table, weights: Floats, measure: Callable[[Floats], Floats]) -> dict[str, Floats]:
    """What the metric contract asks for, from a function of the weights alone.

    Args:
        table: the documents; of it only ``groups`` and ``names`` are read here.
        weights: (B, n), not negative.
        measure: takes (B, n) weights and returns (B,) values, NaN where there is nothing to measure; it is called once
            with all weights and once for each group with the weights of everybody else set to 0.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes):
        the largest minus the smallest group value, NaN with fewer than two.
    """
    values: dict[str, Floats] = {"overall": measure(weights)}
    for attribute, member in table.groups.items():
        columns = [measure(weights * member[:, k]) for k in range(member.shape[1])]
        values |= {
            f"group:{attribute}={name}": column for name, column in zip(table.names[attribute], columns, strict=True)
        }
        found = np.column_stack(columns)
        present = ~np.isnan(found)
        spread = np.where(present, found, -np.inf).max(axis=1) - np.where(present, found, np.inf).min(axis=1)
        key = "gap" if len(table.groups) == 1 else f"gap:{attribute}"
        values[key] = np.where(present.sum(axis=1) >= 2, spread, np.nan)
    return values


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Element by element; NaN, and no warning, where the denominator is not above 0."""
    positive = denominator > 0
    return np.where(positive, numerator / np.where(positive, denominator, 1.0), np.nan)
