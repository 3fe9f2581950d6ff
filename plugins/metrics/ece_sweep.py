"""The expected calibration error with as many bins as keep accuracy rising with confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import Mask, evaluate
from lorafair.statistics.reliability import bin_by_sweep, list_bins, sum_errors
from lorafair.statistics.terms import list_terms

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table
    from lorafair.statistics.terms import Listed, Terms


def ece_sweep(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """``ECE_sweep``: equal-mass bins, as many as possible while the bins' accuracies do not fall (Roelofs et al. 2022).

    Much less biased than bins of fixed number, so groups of different size can be compared.  Here with absolute errors
    (the paper's p = 1), which keeps it on the scale of ``ece``.  The bins of everybody and of each group are fixed at
    the point estimate (``table.count``) and stay the same under all weights.

    Args:
        table: ``y``, ``answer`` and ``confidence``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without documents.
    """
    assert table.confidence is not None
    confidence, right = table.confidence, np.asarray(table.answer == table.y, dtype=np.float64)

    def measure(rows: Mask) -> Floats:
        return sum_errors(right - confidence, bin_by_sweep(confidence, right, table.count, rows), rows, weights)

    return evaluate(table, measure)


def list_sums(table: Table) -> Listed:
    """The bins' sums of errors, bins being those of the point estimate."""
    assert table.confidence is not None
    confidence, right = table.confidence, np.asarray(table.answer == table.y, dtype=np.float64)

    def count(rows: Mask) -> Terms | None:
        return list_bins(right - confidence, bin_by_sweep(confidence, right, table.count, rows), rows)

    return list_terms(table, count)


ece_sweep.terms = list_sums  # type: ignore[attr-defined]
ece_sweep.bounds = (0.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
