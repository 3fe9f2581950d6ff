"""Asking until decided, on the leaderboard: intervals that hold whenever one looks, and no other claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lorafair.decision import Asked, Change, Contrast, Decision
from lorafair.records import Comparison, Row
from lorafair.samples import Audit
from lorafair.statistics.verdict import judge

SIGN = {"rise": 1, "fall": -1}
Found = tuple[Decision, Asked]


def apply_decisions(rows: Iterable[Row], audit: Audit) -> list[str]:
    """Give the rows of checkpoints that were asked until decided what may be said of them, in place.

    The metric that was watched has the interval, and the word, of its confidence sequence.  When asking stopped
    depended on that metric, so the intervals of the others are no 95% ones any more and carry no claim; nor does any
    other comparison of a checkpoint that was not asked everything.

    Returns:
        sentences for the foot of a table.
    """
    found: dict[tuple[str, str], Found] = {}
    for one in audit.samples:
        asked = None if one.decision is None else one.decision.tasks.get(one.task)
        if one.decision is not None and asked is not None and asked.level is not None:
            found[one.model, one.task] = one.decision, asked
    for row in rows:
        if row.claim == "checkpoint" and (row.model, row.task) in found:
            _apply(row, *found[row.model, row.task])
    return _tell(found)


def _apply(row: Row, decision: Decision, asked: Asked) -> None:
    early = asked.documents < asked.of_documents
    if early and row.kind == "overall":
        row.notes.append(f"asked {asked.documents} of {asked.of_documents} documents, until decided")
    for k, one in enumerate(row.comparisons):
        watched = row.metric == decision.metric and one.reference == decision.against
        if watched and (one.quantity == "contrast" or row.kind == "overall"):
            row.comparisons[k] = _replace(one, row, decision, asked)
        elif early:
            row.comparisons[k] = one.model_copy(update={"verdict": "no claim", "p_adjusted": None})


def _replace(one: Comparison, row: Row, decision: Decision, asked: Asked) -> Comparison:
    """The comparison with the sequence's numbers; without a claim where the group was too small to be asked about."""
    none: dict[str, Any] = dict.fromkeys(("p", "p_adjusted", "minimum_detectable", "p_not_worse", "p_equivalent"))
    change: Change | None = asked.level
    if one.quantity == "contrast":
        same = (c for c in asked.contrasts if (c.attribute, c.group) == (row.attribute, row.group))
        change = next(same, None)
    if change is None:
        return one.model_copy(update=none | {"verdict": "no claim"})
    sign = change.sign if isinstance(change, Contrast) else SIGN.get(change.word, 0)
    word = judge(sign, row.higher_is_better, claim=True)
    if word == "undecided" and change.word == "equivalent":
        word = "equivalent"
    method = (
        f"anytime-valid confidence sequence, {asked.clusters} of {asked.of_clusters} clusters, "
        f"alpha over {decision.questions} questions"
    )
    numbers = {"difference": change.value, "low": change.low, "high": change.high, "method": method}
    return one.model_copy(update=none | numbers | {"verdict": word, "margin": decision.margin})


def _tell(found: Mapping[tuple[str, str], Found]) -> list[str]:
    told: dict[tuple[str, str, str], list[str]] = {}
    for (model, task), (decision, asked) in found.items():
        stand = "decided" if asked.decided else "undecided"
        each = told.setdefault((task, decision.metric, decision.against), [])
        each.append(f"{model} {stand} after {asked.clusters} of {asked.of_clusters} clusters")
    return [
        f"Asked until decided ({task}): {metric} against {against}; {', '.join(each)}. This Δ has anytime-valid "
        "intervals, right at 95% whenever one looks; other claims of checkpoints that were not asked everything are "
        "withheld."
        for (task, metric, against), each in told.items()
    ]
