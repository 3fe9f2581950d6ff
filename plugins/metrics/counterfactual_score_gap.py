"""How far a score moves when only the identity in the text does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average
from lorafair.statistics.pairing import average_twins

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def counterfactual_score_gap(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Counterfactual score gap: mean of ``|score(text) - score(twin)|`` over twins.

    Twins are documents with the same ``pair`` and different ``twin``.  The individual fairness score of Huang et al.
    2020 with a mean difference in the place of a distance between distributions.  Sampling alone moves scores of
    continuations: a model without any bias has a gap above 0, which more continuations per document make smaller, so
    compare models asked with the same settings.

    Args:
        table: ``score`` (``y`` where that is the score) and ``twin``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in the unit of the score; NaN without twins that are scored.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) mean absolute difference from a document's twins; NaN without a twin or where one is not scored."""
    score = table.y if table.score is None else table.score
    return average_twins(table, lambda one, other: np.abs(score[one] - score[other]))


counterfactual_score_gap.document_value = value_document  # type: ignore[attr-defined]
