"""The F1 score of the positive class: harmonic mean of precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import Mask, divide, evaluate

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


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
    label, answer = (rows & np.asarray(each == code) for each in (table.y, table.answer))
    both = weights @ (label & answer).astype(np.float64)
    return divide(2 * both, weights @ (label.astype(np.float64) + answer))


f1.row_additive = True  # type: ignore[attr-defined]
f1.bounds = (0.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
