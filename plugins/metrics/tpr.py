"""The true positive rate: positive documents that are answered as such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def tpr(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """True positive rate (recall), ``P(answer = positive | y = positive)``; its gap is equal opportunity's.

    Hardt, Price and Srebro 2016.  fairlearn's ``true_positive_rate`` where there are positive documents; without any it
    gives 0 and this NaN.

    Args:
        table: ``y``, ``answer`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without a document whose label is positive.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) 1 where a positive document got the positive answer, 0 where not, NaN where the label is not positive."""
    hit = np.asarray(table.answer == table.positive, dtype=np.float64)
    return np.where(table.y == table.positive, hit, np.nan)


tpr.row_additive = True  # type: ignore[attr-defined]
tpr.document_value = value_document  # type: ignore[attr-defined]
