"""The margin: how far a document lies from the decision boundary, in nats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import average

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def margin(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Mean margin, ``log p(y) - max_k log p(k)`` over the other options k: positive where the answer is right.

    The signed distance to the decision boundary in the space of logits (for two options the log-odds of the label), the
    quantity by which work on pruning and private training explains unequal accuracy (Tran, Fioretto et al. 2022,
    "Pruning has a disparate impact on model accuracy"): a group near the boundary loses first.

    Args:
        table: ``y`` and ``logprob`` (n, K).
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in nats; NaN without documents that have two options.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) log-probability of the label minus that of the best other option; NaN where there is no other."""
    own = np.arange(table.logprob.shape[1]) == table.y[:, None]  # type: ignore[union-attr]
    label = np.where(own, table.logprob, 0.0).sum(axis=1)
    other = np.where(own | np.isnan(table.logprob), -np.inf, table.logprob).max(axis=1)  # type: ignore[arg-type]
    with np.errstate(invalid="ignore"):
        found = np.asarray(label - other, dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


margin.row_additive = True  # type: ignore[attr-defined]
margin.document_value = value_document  # type: ignore[attr-defined]
