"""WinoMT's difference in F1 between translations of sentences about men and about women."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.statistics.terms import Terms

from .f1 import count_class, finish_f1, score_class

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table
    from lorafair.statistics.terms import Listed


def delta_g(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
    """``F1(male) - F1(female)`` over all documents (Stanovsky, Smith and Zettlemoyer 2019), positive: better for men.

    Gold gender is the label, the gender found in the translation the answer; an answer of another class ("unknown",
    "neutral") is a miss of both.  Show delta S beside it: an output that is always male has a delta S near 0.

    Args:
        table: ``y``, ``answer`` and ``classes``, which hold ``male`` and ``female``.
        weights: (B, n), not negative.
        settings: none are used.

    Returns:
        ``overall``, (B,), in [-1, 1]; NaN where one of the two genders occurs neither as label nor as answer.
    """
    everybody = np.ones(len(table.y), dtype=bool)
    male, female = (
        score_class(table, weights, everybody, table.classes.index(name)) if name in table.classes else np.nan
        for name in ("male", "female")
    )
    return {"overall": np.zeros(len(weights)) + male - female}


def list_sums(table: Table) -> Listed:
    """Both genders' sums; none where the classes do not hold both."""
    everybody = np.ones(len(table.y), dtype=bool)
    if not {"male", "female"} <= set(table.classes):
        return [("overall", None)]
    each = [count_class(table, everybody, table.classes.index(name)).columns for name in ("male", "female")]
    return [("overall", Terms(np.column_stack(each), subtract_f1))]


def subtract_f1(sums: Floats) -> Floats:
    """The first F1 minus the second, of sums (..., 4)."""
    return finish_f1(sums[..., :2]) - finish_f1(sums[..., 2:])


delta_g.row_additive = True  # type: ignore[attr-defined]
delta_g.terms = list_sums  # type: ignore[attr-defined]
delta_g.bounds = (-1.0, 1.0)  # type: ignore[attr-defined]  # where its intervals end
