"""The expected calibration error with equal-width bins, as the papers report it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import evaluate
from lorafair.statistics.reliability import bin_evenly, list_bins, sum_errors
from lorafair.statistics.terms import list_terms

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table
    from lorafair.statistics.terms import Listed


def ece(table: Table, weights: Floats, *, bins: int = 15, **settings: Any) -> dict[str, Floats]:
    """``sum_b (n_b / n) |accuracy_b - confidence_b|`` over bins of equal width (Guo et al. 2017).

    Confidence is the probability of the chosen option.  torchmetrics' ``MulticlassCalibrationError`` but for values
    that lie on a bin's edge: bins are open below and closed above, as in the paper.  Biased upward in small groups
    (0.12 for a calibrated model at n = 50): compare groups by ``ece_sweep`` and ``brier``.

    Args:
        table: ``y``, ``answer`` and ``confidence``.
        weights: (B, n), not negative.
        bins: how many.
        settings: no others are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without documents.
    """
    assert table.confidence is not None
    place = bin_evenly(table.confidence, bins)
    error = np.asarray(table.answer == table.y, dtype=np.float64) - table.confidence
    return evaluate(table, lambda rows: sum_errors(error, place, rows, weights))


def list_sums(table: Table) -> Listed:
    """The bins' sums of errors, with the default number of bins."""
    assert table.confidence is not None
    place = bin_evenly(table.confidence, 15)
    error = np.asarray(table.answer == table.y, dtype=np.float64) - table.confidence
    return list_terms(table, lambda rows: list_bins(error, place, rows))


ece.row_additive = True  # type: ignore[attr-defined]
ece.terms = list_sums  # type: ignore[attr-defined]
ece.bounds = (0.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
