"""The difference in the rate of harmful answers between the most and the least harmed group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.grouping import compare_groups, spread
from lorafair.statistics.projection import project_spread

from .rate import rate

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def harmful_bias_gap(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Largest minus smallest rate of a score (toxic, hurtful) over the member groups of an attribute.

    A reading of the harmful bias of Das et al. 2024 (arXiv 2405.18572), whose formula is not published.  Against a
    reference model: the difference of the two models' gaps over the documents that both answered.

    Descriptive: noise makes it large, so it carries no verdict.

    Args:
        table: ``y``, the per-document score (n,).
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``gap`` (``gap:<attribute>`` where there are several attributes), (B,), in the unit of the score; NaN with
        fewer than two groups that have documents.
    """
    return compare_groups(rate(table, weights), table, spread)


harmful_bias_gap.row_additive = True  # type: ignore[attr-defined]
harmful_bias_gap.parts = (rate,)  # type: ignore[attr-defined]
harmful_bias_gap.project = project_spread  # type: ignore[attr-defined]
