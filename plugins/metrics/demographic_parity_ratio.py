"""The ratio of the selection rates of the least and the most selected group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.grouping import compare_groups, ratio
from lorafair.statistics.projection import project_ratio

from .selection_rate import selection_rate

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def demographic_parity_ratio(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Smallest divided by largest selection rate over an attribute's member groups, as in fairlearn.

    1 at parity; the "four fifths rule" of US employment guidelines asks for 0.8.

    Descriptive: noise makes it small, so it carries no verdict.

    Args:
        table: ``answer`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``gap`` (``gap:<attribute>`` where there are several attributes), (B,), in [0, 1]; NaN with fewer than two
        groups that have documents, or where no group is ever selected.
    """
    return compare_groups(selection_rate(table, weights), table, ratio)


demographic_parity_ratio.row_additive = True  # type: ignore[attr-defined]
demographic_parity_ratio.parts = (selection_rate,)  # type: ignore[attr-defined]
demographic_parity_ratio.project = project_ratio  # type: ignore[attr-defined]
