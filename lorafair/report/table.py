"""The report's leaderboard: one line per model, task and metric, with what it is sorted and filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lorafair.leaderboard.headless import NO_HEAD
from lorafair.leaderboard.layout import FAILED
from lorafair.leaderboard.line import Cell, Line, is_certain
from lorafair.leaderboard.number import format_interval, format_number, format_p


@dataclass(frozen=True)
class Field:
    """One cell: its lines of text, the number it is sorted by (None: sorted last), and its style."""

    said: list[str]
    by: float | str | None
    style: str = ""


@dataclass(frozen=True)
class Entry:
    """One line: ``pinned`` ones stay on top; the rest is what the filters read."""

    pinned: bool
    model: str
    method: str
    about: str
    verdicts: str
    fields: list[Field]


HEADER = ("model", "method", "rank", "metric", "estimate", "change", "adjusted p", "level", "fairness", "documents")


def list_entries(lines: Sequence[Line]) -> list[Entry]:
    """Entries in the order of metrics, and within a metric of the lines; numbers in the words of the other formats."""
    keys = dict.fromkeys(key for line in lines for key in line.cells)
    return [_enter(line, line.cells[key]) for key in keys for line in lines if key in line.cells]


def name_metric(cell: Cell) -> str:
    """What the page calls a metric of a task."""
    return f"{cell.overall.metric_label} · {cell.overall.task}"


def _enter(line: Line, cell: Cell) -> Entry:
    row, level = cell.overall, cell.level
    marks = ["base"] * (line.is_base and row.model != "base") + ["planted control"] * bool(row.planted)
    marks += ["unverified serving"] * line.unverified
    marks += [f"the method, seeds {', '.join(map(str, row.seeds))}"] * (row.claim == "method")
    better = {True: "higher is better", False: "lower is better", None: "direction not known"}[row.higher_is_better]
    sign = -1.0 if row.higher_is_better else 1.0
    size = row.trainable_parameters
    trained = "" if size is None else f"{size / 1e6:.2f}M trained" if size >= 1e5 else f"{size} trained"
    kinds = ["sample data"] * row.sample_data + ["capability"] * row.capability
    shown = [format_number(row.estimate), format_interval(row.low, row.high)]
    if row.failed:
        shown = [NO_HEAD if row.failed == NO_HEAD else FAILED]
    change = ["–"]
    if level is not None:
        star = " *" if is_certain(level) else ""
        change = [f"{format_number(level.difference, True)}{star}", format_interval(level.low, level.high, True)]
        change.append(f"from {level.reference}")
    return Entry(
        line.is_base or line.is_full,
        row.model,
        row.method or "base",
        name_metric(cell),
        f"{'' if level is None else level.verdict}|{cell.fairness}",
        [
            Field([row.model, *marks], row.model.lower(), "model"),
            Field([row.method or "–", *([trained] if trained else [])], row.method or "", "tight"),
            Field(["–" if row.rank is None else str(row.rank)], row.rank, "number"),
            Field(
                [row.metric_label, row.task, better, *kinds],
                f"{row.task} {row.metric_label}",
                "metric",
            ),
            Field(
                shown,
                None if row.estimate is None else sign * row.estimate,
                "number",
            ),
            Field(change, None if level is None or level.difference is None else sign * level.difference, "number"),
            Field(
                ["–" if level is None else format_p(level.p_adjusted).removeprefix("p").removeprefix("=").strip()],
                None if level is None else level.p_adjusted,
                "number",
            ),
            Field(["–" if level is None else level.verdict], "" if level is None else level.verdict, "verdict"),
            Field([cell.fairness or "–"], cell.fairness, "verdict"),
            Field([f"{row.n:,}", f"{row.clusters:,} clusters"], row.n, "number"),
        ],
    )


def find_tone(word: str) -> str:
    """The style of a verdict's cell: ``worse``, ``better``, ``mixed`` or nothing."""
    return next((tone for tone in ("mixed", "worse", "better") if word.startswith(tone)), "plain")
