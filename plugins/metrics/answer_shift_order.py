"""How far the shares of answers move when the options are listed in the other order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.shift import list_shift, measure_shift

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table
    from lorafair.statistics.terms import Listed


def answer_shift_order(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Total variation distance between the answers to the two sides of the attribute ``order``.

    The two sides: female option first instead of the male one.  A review means the same on
    both, so what moves is a token bias (Ding et al. 2024).

    Args:
        table: ``answer``, and the attribute ``order`` with two groups.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without documents on both sides.
    """
    return measure_shift(table, weights, "order")


def list_sums(table: Table) -> Listed:
    """Documents with each answer on either side."""
    return list_shift(table, "order")


answer_shift_order.row_additive = True  # type: ignore[attr-defined]
answer_shift_order.terms = list_sums  # type: ignore[attr-defined]
answer_shift_order.bounds = (0.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
