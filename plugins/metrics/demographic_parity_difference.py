"""The difference in selection rate between the most and the least selected group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.grouping import compare_groups, spread
from lorafair.statistics.projection import project_spread

from .selection_rate import selection_rate

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def demographic_parity_difference(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Largest minus smallest selection rate over an attribute's member groups, as in fairlearn.

    Where the labels differ between groups, so does a perfect classifier: the labels' own difference stands beside it.

    Descriptive: noise makes it large, so it carries no verdict.

    Args:
        table: ``answer`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``gap`` (``gap:<attribute>`` where there are several attributes), (B,), in [0, 1]; NaN with fewer than two
        groups that have documents.
    """
    return compare_groups(selection_rate(table, weights), table, spread)


demographic_parity_difference.row_additive = True  # type: ignore[attr-defined]
demographic_parity_difference.parts = (selection_rate,)  # type: ignore[attr-defined]
demographic_parity_difference.project = project_spread  # type: ignore[attr-defined]
