"""The larger of the differences between groups in true and in false positive rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import compare_groups, spread
from lorafair.statistics.projection import project_spread

from .fpr import fpr
from .tpr import tpr

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def equalized_odds_difference(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """``max(max-min TPR, max-min FPR)`` over the member groups of an attribute (Hardt, Price and Srebro 2016).

    fairlearn's ``equalized_odds_difference(agg="worst_case")`` where every group has documents of both kinds; where one
    has none fairlearn counts its rate as 0, here the group is left out of that rate's difference.

    Descriptive: noise makes it large, so it carries no verdict.

    Args:
        table: ``y``, ``answer`` and ``positive``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``gap`` (``gap:<attribute>`` where there are several attributes), (B,), in [0, 1]; NaN where either rate is
        known for fewer than two groups.
    """
    one, other = (compare_groups(part(table, weights), table, spread) for part in (tpr, fpr))
    return {key: np.maximum(one[key], other[key]) for key in one}  # NaN where either is


equalized_odds_difference.row_additive = True  # type: ignore[attr-defined]
equalized_odds_difference.parts = (tpr, fpr)  # type: ignore[attr-defined]
equalized_odds_difference.project = project_spread  # type: ignore[attr-defined]
