"""How far the shares of answers move when one property of a prompt is swapped."""

from __future__ import annotations

import numpy as np

from lorafair.statistics.grouping import Mask, divide, evaluate
from lorafair.statistics.table import Floats, Table
from lorafair.statistics.terms import Listed, Terms, list_terms


def measure_shift(table: Table, weights: Floats, attribute: str) -> dict[str, Floats]:
    """``½ Σ_k |P(answer = k | one side) - P(answer = k | the other)|``, by the metric contract.

    The total variation distance between the answers to documents in the one group of an attribute and in the other:
    0 where the swap changes no share, 1 where it changes every answer.  As a distance between two estimated
    distributions it is biased upward by noise.

    Args:
        table: ``answer``, and ``groups`` with exactly two groups of the attribute.
        weights: (B, n), not negative.
        attribute: the swapped property.

    Returns:
        the contract's keys, each (B,), in [0, 1]; NaN without documents on both sides, and everywhere where the table
        has not two groups of the attribute.
    """
    sides = table.groups.get(attribute)
    nothing = np.full(len(weights), np.nan)
    if sides is None or sides.shape[1] != 2 or table.answer is None:
        return evaluate(table, lambda rows: nothing)
    codes = np.unique(table.answer)
    chosen = (table.answer[:, None] == codes).astype(np.float64)

    def measure(rows: Mask) -> Floats:
        shares = []
        for side in (0, 1):
            inside = rows & sides[:, side]
            mass = weights[:, inside]
            shares.append(divide(mass @ chosen[inside], mass.sum(axis=1, keepdims=True)))
        return np.asarray(np.abs(shares[0] - shares[1]).sum(axis=1) / 2, dtype=np.float64)

    return evaluate(table, measure)


def list_shift(table: Table, attribute: str) -> Listed:
    """The sums that :func:`measure_shift` is made of: documents with each answer on either side."""
    sides = table.groups.get(attribute)
    if sides is None or sides.shape[1] != 2 or table.answer is None:
        return [("overall", None)]
    codes = np.unique(table.answer)
    chosen = (table.answer[:, None] == codes).astype(np.float64)
    each = np.column_stack([chosen * sides[:, [side]] for side in (0, 1)])

    def finish(sums: Floats) -> Floats:
        shares = [divide(one, one.sum(axis=-1, keepdims=True)) for one in np.split(sums, 2, axis=-1)]
        return np.asarray(np.abs(shares[0] - shares[1]).sum(axis=-1) / 2, dtype=np.float64)

    return list_terms(table, lambda rows: Terms(each * rows[:, None], finish))
