"""The Brier score: squared error of the probability of the positive class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def brier(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Brier score, mean of ``(prob - 1[y = positive])^2`` (Brier 1950), as scikit-learn's ``brier_score_loss``.

    A proper score: it rewards both calibration and sharpness, and unlike the expected calibration error it is not
    biased in small groups, so groups may be compared by it.

    Args:
        table: ``y``, ``prob`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without documents.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) the squared error, in [0, 1]."""
    return np.asarray((table.prob - (table.y == table.positive)) ** 2, dtype=np.float64)


brier.row_additive = True  # type: ignore[attr-defined]
brier.document_value = value_document  # type: ignore[attr-defined]
