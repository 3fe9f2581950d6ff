"""How far the probability of the positive class moves when only the identity in the text does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average
from lorafair.statistics.pairing import average_twins

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def counterfactual_logprob_gap(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Counterfactual log-probability gap: mean of ``|log p(positive | text) - log p(positive | twin)|`` over twins.

    Twins are documents with the same ``pair`` and different ``twin``.  The counterfactual token fairness gap of Garg
    et al. 2019, on log-probabilities over the options.

    Args:
        table: ``logprob``, ``positive`` and ``twin``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in nats; NaN without twins.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) mean absolute difference from a document's twins, in nats; NaN without a twin or if one is impossible."""
    positive = table.logprob[:, table.positive]  # type: ignore[index]
    with np.errstate(invalid="ignore"):
        found = average_twins(table, lambda one, other: np.abs(positive[one] - positive[other]))
    return np.where(np.isfinite(found), found, np.nan)


counterfactual_logprob_gap.document_value = value_document  # type: ignore[attr-defined]
