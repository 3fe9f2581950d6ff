"""The false positive rate: documents of the other classes that are answered with the positive one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def fpr(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """False positive rate, ``P(answer = positive | y != positive)``.

    Hardt, Price and Srebro 2016.  fairlearn's ``false_positive_rate`` where there are such documents; without any it
    gives 0 and this NaN.

    Args:
        table: ``y``, ``answer`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without a document whose label is not positive.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) 1 where a document that is not positive got the positive answer, else 0; NaN where the label is positive."""
    hit = np.asarray(table.answer == table.positive, dtype=np.float64)
    return np.where(table.y == table.positive, np.nan, hit)


fpr.row_additive = True  # type: ignore[attr-defined]
fpr.document_value = value_document  # type: ignore[attr-defined]
