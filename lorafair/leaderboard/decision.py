"""Asking until decided, on the leaderboard: intervals that hold whenever one looks, and no other claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lorafair.decision import Asked, Change, Contrast, Decision
from lorafair.records import Comparison, Row
from lorafair.samples import Audit
from lorafair.statistics.verdict import judge

SIGN = {"rise": 1, "fall": -1}
NOTHING: dict[str, Any] = dict.fromkeys(("p_adjusted", "p_not_worse", "p_equivalent"))
Found = tuple[Decision, Asked]


def apply_decisions(rows: Iterable[Row], audit: Audit, seeds: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Give the rows of checkpoints that were asked until decided what may be said of them, in place.

    The metric that was watched has the interval, and the word, of its confidence sequence.  When asking stopped
    depended on that metric, so the intervals of the others are no 95% ones any more and carry no claim; nor does any
    other comparison of a checkpoint that was not asked everything, or with one, nor of a method of which one is a seed.

    Args:
        rows: all rows.
        audit: their samples.
        seeds: a method's label -> its checkpoints.

    Returns:
        sentences for the foot of a table.
    """
    found: dict[tuple[str, str], Found] = {}
    early: dict[str, set[str]] = {}  # task -> checkpoints that were not asked everything
    for one in audit.samples:
        asked = None if one.decision is None else one.decision.tasks.get(one.task)
        if one.decision is None or asked is None:
            continue
        if asked.level is not None:
            found[one.model, one.task] = one.decision, asked
        if asked.documents < asked.of_documents:
            early.setdefault(one.task, set()).add(one.model)
    withheld: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.claim == "checkpoint" and (row.model, row.task) in found:
            _apply(row, *found[row.model, row.task], early.get(row.task, set()))
        else:
            for label, names in _withhold(row, early.get(row.task, set()), seeds or {}).items():
                withheld[row.task, label] = names
    return _tell(found) + [
        f"No claim about {label} on {task}: not every checkpoint behind it was asked everything ({', '.join(names)})."
        for (task, label), names in withheld.items()
    ]


def _withhold(row: Row, early: set[str], seeds: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Take the claims from comparisons that a checkpoint which was not asked everything is behind: label -> those.

    When asking stopped depended on the answers, so intervals made from them are no 95% ones.
    """
    found = {}
    for k, one in enumerate(row.comparisons):
        behind = sorted({each for name in (row.model, one.reference) for each in seeds.get(name, [name])} & early)
        if behind:
            row.comparisons[k] = one.model_copy(update=NOTHING | {"verdict": "no claim"})
            mine = early & set(seeds.get(row.model, [row.model]))
            label = row.model if mine else f"{row.model} against {one.reference}"
            found[label] = behind
            note = f"not asked everything, so no claim: {', '.join(behind)}"
            if row.kind == "overall" and note not in row.notes:
                row.notes.append(note)
    return found


def _apply(row: Row, decision: Decision, asked: Asked, early: set[str]) -> None:
    if row.model in early and row.kind == "overall":
        row.notes.append(f"asked {asked.documents} of {asked.of_documents} documents, until decided")
    for k, one in enumerate(row.comparisons):
        watched = row.metric == decision.metric and one.reference == decision.against
        if watched and (one.quantity == "contrast" or row.kind == "overall"):
            row.comparisons[k] = _replace(one, row, decision, asked)
        elif {row.model, one.reference} & early:
            row.comparisons[k] = one.model_copy(update=NOTHING | {"verdict": "no claim"})


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
