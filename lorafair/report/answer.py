"""The report's first words: the answer in two sentences, and what a reader must know before believing it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from lorafair.leaderboard.headless import NO_HEAD
from lorafair.leaderboard.line import Line
from lorafair.leaderboard.number import format_number
from lorafair.leaderboard.row import Rows
from lorafair.records import Comparison

NAMED = 4
"""Models named in a sentence; further ones are counted."""


def answer(found: Rows, lines: Sequence[Line]) -> tuple[str, str]:
    """Two sentences: less fair than the base, and where; than full fine-tuning, and how sure.

    Only verdicts are repeated (``worse``, ``better``); what is undecided is called undecided and never "no difference".
    Planted controls are no subject of the question and are left out.
    """
    checkpoints = [line for line in lines if line.first.claim == "checkpoint"]
    asked = [line for line in checkpoints if not line.is_base and not line.first.planted]
    against = {line.model: _find_named(line) for line in asked if line.reference}
    if not against:
        first = (
            "No checkpoint was compared with a base, so nothing is claimed about any of them: the tables and figures "
            "below show rates and their intervals only"
        )
    else:
        bases = _join(sorted({str(line.reference) for line in asked if line.reference}))
        cells = [cell for line in asked for cell in line.cells.values() if cell.overall.probe is None]
        changes = [c for cell in cells for c in cell.contrasts.values()]
        if all(one.verdict == "no claim" for one in changes):
            why = "No group has enough documents for a claim" if changes else "The documents carry no groups"
            why = why if cells else "Only probes were run, which ask no task"
            first = f"{why}, so nothing is said about whether any checkpoint is less fair than {bases}"
        else:
            first = _say(len(against), bases, against, {line.model: line for line in asked})
            first += "" if any(against.values()) else _detect(changes)
    full = {line.model for line in lines if line.is_full}
    return first + ".", _compare_full(found, asked, full) + _be_sure(found, lines) + "."


def _find_named(line: Line) -> dict[str, list[str]]:
    """Verdict -> where it was given: ``men in HONEST continuation``."""
    named: dict[str, list[str]] = {}
    for cell in line.cells.values():
        for (_, group), change in cell.contrasts.items():
            if change.verdict in {"worse", "better"}:
                named.setdefault(change.verdict, []).append(f"{group} in {cell.overall.metric_label}")
    return named


def _say(count: int, reference: str, named: Mapping[str, Mapping[str, list[str]]], lines: Mapping[str, Line]) -> str:
    worse = [model for model, found in named.items() if "worse" in found]
    better = [model for model, found in named.items() if "better" in found and model not in worse]
    if not worse and not better:
        who = "The one checkpoint is neither" if count == 1 else f"None of the {count} checkpoints is"
        return f"{who} certainly less fair {'nor' if count == 1 else 'or'} fairer than {reference}"
    whole = "1 checkpoint" if count == 1 else f"{count} checkpoints"
    are = "are" if len(worse) > 1 else "is"
    said = f"Of {whole}, {len(worse) or 'none'} {are} certainly less fair than {reference}"
    said += f": {_list(worse, named, lines, 'worse')}" if worse else ""
    if better:
        said += f"; {len(better)} {'are' if len(better) > 1 else 'is'} fairer: {_list(better, named, lines, 'better')}"
    left = count - len(worse) - len(better)
    return said + (f"; for the other {left} no change is certain" if left else "")


def _list(
    models: Sequence[str], named: Mapping[str, Mapping[str, list[str]]], lines: Mapping[str, Line], word: str
) -> str:
    said = []
    for model in models[:NAMED]:
        rank = lines[model].first.rank
        where = list(dict.fromkeys(named[model][word]))
        more = f" and {len(where) - 2} more" if len(where) > 2 else ""
        said.append(f"{model}{f' (rank {rank})' if rank else ''}, {word} for {_join(where[:2])}{more}")
    return "; ".join(said) + (f"; and {len(models) - NAMED} more" if len(models) > NAMED else "")


def _detect(changes: Iterable[Comparison]) -> str:
    sizes = [one.minimum_detectable for one in changes if one.minimum_detectable]
    if not sizes:
        return ""
    return (
        ", which does not mean that they are equally fair: with these documents a change of "
        f"{format_number(statistics.median(sizes))} of a group against the rest (the median over groups) would be "
        "found with 80% power in one test"
    )


def _compare_full(found: Rows, asked: Sequence[Line], full: set[str]) -> str:
    against: dict[str, dict[str, list[str]]] = {}
    for row in found.rows:
        if row.planted or row.kind != "group" or row.claim == "method":
            continue
        for one in row.comparisons:
            if one.quantity == "contrast" and one.reference in full:
                named = against.setdefault(row.model, {})
                if one.verdict in {"worse", "better"}:
                    named.setdefault(one.verdict, []).append(f"{row.group} in {row.metric_label}")
    if not against:
        return "Nothing is said about full fine-tuning, which was not among the models compared"
    lines = {line.model: line for line in asked}
    said = _say(len(against), f"full fine-tuning ({_join(sorted(full))})", against, lines)
    return f"Against full fine-tuning: {said[0].lower()}{said[1:]}"


def _be_sure(found: Rows, lines: Sequence[Line]) -> str:
    level, contrast = (sum(each[k] for each in found.family.values()) for k in (0, 1))
    if not level + contrast:
        return ""
    share = f"{found.settings.alpha:.0%}"
    said = (
        f"; certain means a 95% interval without 0 and an adjusted p of at most {share} over {level + contrast} tests, "
        "and holds for these checkpoints, documents and scorers, not for the method"
    )
    sample = any(cell.overall.sample_data for line in lines for cell in line.cells.values())
    return said + (", measured on sample data, not the published set" if sample else "")


def list_warnings(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """(word, sentence) of what has to be seen before any number: sample data, unverified serving, planted controls."""
    cells = [cell for line in lines for cell in line.cells.values()]
    found = []
    sampled = sorted({cell.overall.task for cell in cells if cell.overall.sample_data})
    if sampled:
        found.append(("sample data", f"{_join(sampled)} uses the project's own sample set, not the published one."))
    unverified = [line.model for line in lines if line.unverified]
    if unverified:
        found.append(("unverified serving", f"Nobody checked that the engine applied {_join(unverified)}."))
    planted = [line.model for line in lines if line.first.planted]
    if planted:
        found.append(("planted control", f"{_join(planted)} was made worse on purpose, to test the measurement."))
    lost = (cell.overall for cell in cells if cell.overall.failed not in (None, NO_HEAD))
    failed = dict.fromkeys(f"{row.task}/{row.metric}" for row in lost)
    if failed:
        found.append(("failed", f"{_join(list(failed))} has no number: the foot lines say why."))
    undecided = sum(
        word == "undecided" for cell in cells for word in (cell.level and cell.level.verdict, cell.fairness)
    )
    if undecided:
        found.append(("undecided", f"{undecided} verdicts are undecided: the data allow a change either way."))
    return found


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
