"""The mean of the per-document value: overall, per group, and the gap between the largest and the smallest group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.grouping import average

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def rate(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Weighted mean of ``y`` for each row of weights.

    ``r_k(w) = sum_i w_i y_i 1[i in k] / sum_i w_i 1[i in k]``: a rate where ``y`` is 0 or 1 (for one row of ones it is
    fairlearn's ``MetricFrame`` over ``mean_prediction``), a mean share where it lies between.

    Args:
        table: ``y`` (n,) and ``groups`` {attribute: (n, g)}.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each of shape (B,), in the unit of ``y``.  A group without weight is NaN; the gap is over the groups that have
        some, NaN with fewer than two.
    """
    return average(table.y, table, weights)


rate.row_additive = True  # type: ignore[attr-defined]  # identical rows may be merged
rate.mean_of_y = True  # type: ignore[attr-defined]  # exact bounds apply where y lies in [0, 1]
rate.closed_form = True  # type: ignore[attr-defined]  # computed from sums over clusters: see statistics/mean.py
