"""The share of documents whose answer is the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def accuracy(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Accuracy, ``P(answer = y)``; its gap over groups is the accuracy parity of fairlearn's and other surveys.

    Equal to scikit-learn's ``accuracy_score`` and, for WinoMT (an answer without a gender counts as wrong), to the
    "Acc" of Stanovsky, Smith and Zettlemoyer 2019.

    Args:
        table: ``y`` and ``answer``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without documents.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) 1 where the answer is the label, else 0."""
    return np.asarray(table.answer == table.y, dtype=np.float64)


accuracy.row_additive = True  # type: ignore[attr-defined]
accuracy.document_value = value_document  # type: ignore[attr-defined]
