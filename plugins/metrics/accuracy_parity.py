"""The difference in accuracy between the best and the worst group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.grouping import compare_groups, spread
from lorafair.statistics.projection import project_spread

from .accuracy import accuracy

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def accuracy_parity(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Largest minus smallest accuracy over the member groups of an attribute: fairlearn's ``MetricFrame.difference()``.

    The accuracy gap of Ding et al. 2024 (arXiv 2405.17512), 0 at accuracy parity.

    Descriptive: noise makes it large, so it carries no verdict.

    Args:
        table: ``y`` and ``answer``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``gap`` (``gap:<attribute>`` where there are several attributes), (B,), in [0, 1]; NaN with fewer than two
        groups that have documents.
    """
    return compare_groups(accuracy(table, weights), table, spread)


accuracy_parity.row_additive = True  # type: ignore[attr-defined]
accuracy_parity.parts = (accuracy,)  # type: ignore[attr-defined]
accuracy_parity.project = project_spread  # type: ignore[attr-defined]
