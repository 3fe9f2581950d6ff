"""WinoMT's difference in accuracy between pro-stereotypical and anti-stereotypical sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.grouping import divide
from lorafair.statistics.terms import Terms

from .accuracy import accuracy, value_document

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table
    from lorafair.statistics.terms import Listed


def delta_s(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """``accuracy(pro) - accuracy(anti)`` (Stanovsky, Smith and Zettlemoyer 2019), positive: leans on stereotypes.

    Args:
        table: ``y``, ``answer`` and the attribute ``stereotype`` with groups ``pro`` and ``anti``; documents in neither
            are not used.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, (B,), in [-1, 1]; NaN without documents of both kinds.
    """
    nothing = np.full(len(weights), np.nan)
    found = accuracy(table, weights)
    pro, anti = (found.get(f"group:stereotype={name}", nothing) for name in ("pro", "anti"))
    return {"overall": pro - anti}


def list_sums(table: Table) -> Listed:
    """Right answers and documents of both kinds; none where the table has not both."""
    names = table.names.get("stereotype", ())
    if not {"pro", "anti"} <= set(names):
        return [("overall", None)]
    hit, member = value_document(table)[:, None], table.groups["stereotype"].astype(np.float64)
    kinds = member[:, [names.index("pro"), names.index("anti")]]
    return [("overall", Terms(np.hstack([hit * kinds, kinds]), subtract_rates))]


def subtract_rates(sums: Floats) -> Floats:
    """Accuracy of the first kind minus that of the second, of sums (..., 4): right of either, documents of either."""
    rates = divide(sums[..., :2], sums[..., 2:])
    return np.asarray(rates[..., 0] - rates[..., 1], dtype=np.float64)


delta_s.row_additive = True  # type: ignore[attr-defined]
delta_s.terms = list_sums  # type: ignore[attr-defined]
delta_s.bounds = (-1.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
