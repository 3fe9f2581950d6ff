"""What the log-probabilities of a run say: answers, the parts of an apparent preference, shifts, and calibration."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lorafair.statistics.token_bias import (
    average,
    calibrate,
    choose_likely,
    decompose,
    measure_variation,
    share_probability,
)

LEAN = {"male": 1.0, "female": -1.0}
FACTORS = {"yesno": ("position", "symbol", "yes"), "choice": ("position", "symbol"), "cloze": ("position", "symbol")}
ANSWERS = {"yesno": (), "choice": ("other", "refused"), "cloze": ()}
LABELS = {
    "answer_male": "answers male",
    "answer_female": "answers female",
    "answer_other": "answers other gender",
    "answer_refused": "refuses",
    "apparent": "apparent preference",
    "meaning": "part: meaning",
    "position": "part: position",
    "symbol": "part: symbol",
    "yes": "part: saying yes",
    "interaction": "part: interaction",
    "calibrated_apparent": "calibrated: apparent",
    "calibrated_meaning": "calibrated: meaning",
    "averaged_meaning": "swaps averaged: meaning",
    "position_shift": "shift: order swapped",
    "symbol_shift": "shift: symbols swapped",
    "yes_shift": "shift: person swapped",
    "prior_meaning": "content-free: male",
    "prior_position": "content-free: first listed",
    "prior_symbol": "content-free: first symbol",
    "prior_yes": "content-free: yes",
}


@dataclass(frozen=True)
class Asked:
    """One document with the log-probabilities (nats) that a model gave.

    ``options``: of its options; ``without``: of the same options for each input without content, where they were asked
    with this document; ``chosen``: the option's number by another scoring than the options' own log-probabilities (-1:
    a tie), None for those.
    """

    document: Mapping[str, Any]
    options: Sequence[float]
    without: Sequence[Sequence[float]] = ()
    chosen: int | None = None


def name_values(form: str) -> list[str]:
    """The per-document values of a form, in the order of :data:`LABELS`."""
    other = {"yes"} - set(FACTORS[form])
    left_out = {f"{kind}{name}" for name in other for kind in ("", "prior_")} | {f"{name}_shift" for name in other}
    left_out |= {f"answer_{name}" for name in {"other", "refused"} - set(ANSWERS[form])}
    return [name for name in LABELS if name not in left_out]


def judge(asked: Sequence[Asked], form: str) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Judge a run's documents together: calibration and swaps need more than one.

    Args:
        asked: every document of the run.
        form: of the task.

    Returns:
        id -> the values of :func:`name_values` and ``answer`` (male, female, other, refused, tied; None where the
        options cannot be compared), None for what does not apply or cannot be computed; and how many documents were
        ``incomparable``, ``tied`` and ``uncalibrated``.
    """
    empty = _find_empty(asked)
    shares = {one.document["id"]: _share(one, one.options, empty) for one in asked}
    priors = _find_priors(asked, empty)
    blocks: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        blocks[one.document["block"]].append(one)
    names, counts = name_values(form), Counter({"incomparable": 0, "tied": 0, "uncalibrated": 0})
    found: dict[str, dict[str, Any]] = {}
    for block in blocks.values():
        averaged = _average_block(block, shares)
        for one in block:
            values = dict.fromkeys(["answer", *names])
            own = shares[one.document["id"]]
            counts["incomparable"] += own is None
            if own is not None:
                values |= _judge_one(one, own, priors.get(one.document["layout"]), form, counts)
                values |= _compare(one, own, block, shares)
                values["averaged_meaning"] = averaged
            if one.without and (prior := priors.get(one.document["layout"])):
                lean = prior[0] - prior[1]
                values |= {"prior_meaning": lean}
                values |= {f"prior_{factor}": lean * level for factor, level in one.document["levels"].items()}
            found[one.document["id"]] = values
    return found, dict(counts)


def _judge_one(
    one: Asked, own: Sequence[float], prior: Sequence[float] | None, form: str, counts: Counter[str]
) -> dict[str, Any]:
    meanings, levels = one.document["meanings"], one.document["levels"]
    chosen = choose_likely(own) if one.chosen is None else one.chosen if one.chosen >= 0 else None
    counts["tied"] += chosen is None
    answer = "tied" if chosen is None else meanings[chosen]
    values: dict[str, Any] = {"answer": answer} | {f"answer_{name}": float(name == answer) for name in meanings}
    # Without symbols (the answers' own words) there is nothing that a symbol could add.
    values |= dict.fromkeys(FACTORS[form], 0.0) | decompose(LEAN.get(answer, 0.0), levels)
    again = calibrate(own, prior) if prior else None
    counts["uncalibrated"] += again is None
    if again is not None:
        best = choose_likely(again)
        parts = decompose(0.0 if best is None else LEAN.get(meanings[best], 0.0), levels)
        values |= {"calibrated_apparent": parts["apparent"], "calibrated_meaning": parts["meaning"]}
    return values


def _compare(
    one: Asked, own: Sequence[float], block: Sequence[Asked], shares: Mapping[str, list[float] | None]
) -> dict[str, float]:
    """The total variation distance between a document's answer distribution and that of each twin, over meanings."""
    levels, found = one.document["levels"], {}
    by_level = {tuple(other.document["levels"].items()): other.document["id"] for other in block}
    for factor in levels:
        twin = by_level.get(tuple((levels | {factor: -levels[factor]}).items()))
        other = shares[twin] if twin else None
        if other is not None:
            found[f"{factor}_shift"] = measure_variation(own, other)
    return found


def _average_block(block: Sequence[Asked], shares: Mapping[str, list[float] | None]) -> float | None:
    """What a review is answered when the probabilities of each meaning are averaged over all swaps of its block."""
    rows = [row for one in block if (row := shares[one.document["id"]]) is not None]
    if len(rows) != 2 ** len(block[0].document["levels"]):
        return None
    best = choose_likely(average(rows))
    return 0.0 if best is None else LEAN.get(block[0].document["meanings"][best], 0.0)


def _find_priors(asked: Sequence[Asked], empty: set[str]) -> dict[str, list[float]]:
    """Layout -> mean distribution over the options for the inputs without content."""
    rows: dict[str, list[list[float]]] = defaultdict(list)
    for one in asked:
        usable = (_share(one, options, empty) for options in one.without)
        rows[one.document["layout"]] += [row for row in usable if row is not None]
    return {layout: average(each) for layout, each in rows.items() if each}


def _share(one: Asked, options: Sequence[float], empty: set[str]) -> list[float] | None:
    return None if empty & set(one.document["choices"]) else share_probability(options)


def _find_empty(asked: Sequence[Asked]) -> set[str]:
    """Options without tokens: certain (exactly 0 nats) wherever they are asked, even where that is impossible."""
    always: dict[str, bool] = {}
    impossible: set[str] = set()
    for one in asked:
        for options in (one.options, *one.without):
            over = share_probability(options) is None
            for text, value in zip(one.document["choices"], options, strict=True):
                always[text] = always.get(text, True) and value == 0.0
                if over and value == 0.0:
                    impossible.add(text)
    return {text for text in impossible if always[text]}
