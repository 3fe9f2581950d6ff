"""How often the answer changes when only the identity in the text does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorafair.statistics.grouping import average
from lorafair.statistics.pairing import average_twins

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


def counterfactual_flip_rate(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """Counterfactual flip rate: share of pairs of twins with different answers.

    Twins are documents with the same ``pair`` and different ``twin`` (the same text with another identity).  The
    counterfactual token fairness of Garg et al. 2019 with the answer in place of the logit.  A group's rate is over
    the documents of that group, each compared with its twins in whatever group.

    Args:
        table: ``answer`` and ``twin``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, ``group:<attribute>=<name>`` and ``gap`` (``gap:<attribute>`` where there are several attributes),
        each (B,), in [0, 1]; NaN without twins.
    """
    return average(value_document(table), table, weights)


def value_document(table: Table) -> Floats:
    """(n,) share of a document's twins that got another answer; NaN without a twin."""
    return average_twins(table, lambda one, other: table.answer[one] != table.answer[other])  # type: ignore[index]


counterfactual_flip_rate.document_value = value_document  # type: ignore[attr-defined]
