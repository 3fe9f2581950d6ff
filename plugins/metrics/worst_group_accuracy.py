"""The accuracy of the group that has the lowest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.grouping import compare_groups, lowest
from lorafair.statistics.projection import project_lowest

from .accuracy import accuracy

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def worst_group_accuracy(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Smallest accuracy over the groups of an attribute (Sagawa et al. 2020, whose groups may be crossed attributes).

    Descriptive: the minimum of noisy groups is biased downward, so it carries no verdict.

    Args:
        table: ``y`` and ``answer``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``gap`` (``gap:<attribute>`` where there are several attributes), (B,), in [0, 1]; NaN without a group that has
        documents.
    """
    return compare_groups(accuracy(table, weights), table, lowest)


worst_group_accuracy.row_additive = True  # type: ignore[attr-defined]
worst_group_accuracy.parts = (accuracy,)  # type: ignore[attr-defined]
worst_group_accuracy.project = project_lowest  # type: ignore[attr-defined]
