"""The share of documents that are answered with the positive class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def selection_rate(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Selection rate, ``P(answer = positive)``, as fairlearn's ``selection_rate``.

    Whether a high rate is good depends on what is selected for, so it has no direction and carries no verdict.

    Args:
        table: ``answer`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; the gap is the demographic parity difference; NaN without documents.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) 1 where the answer is the positive class, else 0."""
    return np.asarray(table.answer == table.positive, dtype=np.float64)


selection_rate.row_additive = True  # type: ignore[attr-defined]
selection_rate.document_value = value_document  # type: ignore[attr-defined]
