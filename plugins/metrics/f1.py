"""The F1 score of the positive class: harmonic mean of precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import Mask, divide, evaluate
from lorafair.statistics.terms import Terms, list_terms

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table
    from lorafair.statistics.terms import Listed


def f1(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """F1 of the positive class, ``2 TP / (2 TP + FP + FN)`` (van Rijsbergen 1979), as scikit-learn's ``f1_score``.

    Args:
        table: ``y``, ``answer`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN where neither a label nor an answer is positive (scikit-learn fills 0 there).
    """
    return evaluate(table, lambda rows: score_class(table, weights, rows, table.positive))


def score_class(table: Table, weights: Floats, rows: Mask, code: int | None) -> Floats:
    """(B,) F1 of one class over some rows (n,) of the table."""
    found = count_class(table, rows, code)
    return found.finish(weights @ found.columns)


def count_class(table: Table, rows: Mask, code: int | None) -> Terms:
    """The sums that F1 of one class over some rows is made of: TP, and labels and answers together."""
    label, answer = (rows & np.asarray(each == code) for each in (table.y, table.answer))
    return Terms(np.column_stack([label & answer, label.astype(np.float64) + answer]), finish_f1)


def finish_f1(sums: Floats) -> Floats:
    """``2 TP / (2 TP + FP + FN)`` of sums (..., 2)."""
    return divide(2 * sums[..., 0], sums[..., 1])


def list_sums(table: Table) -> Listed:
    """What each of the contract's keys is made of."""
    return list_terms(table, lambda rows: count_class(table, rows, table.positive))


f1.row_additive = True  # type: ignore[attr-defined]
f1.terms = list_sums  # type: ignore[attr-defined]
f1.bounds = (0.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
