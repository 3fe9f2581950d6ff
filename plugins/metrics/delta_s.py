"""WinoMT's difference in accuracy between pro-stereotypical and anti-stereotypical sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .accuracy import accuracy

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table


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


delta_s.row_additive = True  # type: ignore[attr-defined]
delta_s.bounds = (-1.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
