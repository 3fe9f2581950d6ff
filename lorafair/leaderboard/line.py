"""Rows pivoted by model: what one line of a table says.  Every format takes its numbers and words from here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lorafair.errors import LorafairError, did_you_mean
from lorafair.leaderboard.headless import NO_HEAD
from lorafair.records import Comparison, Row


def is_certain(change: Comparison | None, alpha: float = 0.05) -> bool:
    """Whether a difference carries the mark ``*``: its interval leaves out 0 and its adjusted p is at most alpha."""
    if change is None or change.low is None or change.high is None or change.p_adjusted is None:
        return False
    return (change.low > 0 or change.high < 0) and change.p_adjusted <= alpha


@dataclass
class Cell:
    """One model's answer to one (task, metric): its rows, and its differences from the shown reference.

    A descriptive metric has a cell per attribute, (task, ``metric:attribute``), whose ``overall`` is its gap row.
    """

    overall: Row
    groups: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    level: Comparison | None = None
    contrasts: dict[tuple[str, str], Comparison] = field(default_factory=dict)

    @property
    def fairness(self) -> str:
        """The contrasts in words: ``worse for men``, ``mixed: …``, ``undecided``, ``no claim``; empty without any."""
        words = {key: one.verdict for key, one in self.contrasts.items()}
        lists = {word: ", ".join(key[1] for key in words if words[key] == word) for word in ("worse", "better")}
        said = [f"{word} for {names}" for word, names in lists.items() if names]
        if said:
            return ("mixed: " if len(said) > 1 else "") + "; ".join(said)
        weakest = ("undecided", "not worse", "equivalent")
        return "" if not words else next((word for word in weakest if word in words.values()), "no claim")


@dataclass
class Line:
    """One model: ``cells`` by (task, metric), in the columns' order; ``reference`` is what it is compared with."""

    first: Row
    reference: str | None
    cells: dict[tuple[str, str], Cell]
    is_base: bool

    @property
    def model(self) -> str:
        """The model's label."""
        return self.first.model

    @property
    def is_full(self) -> bool:
        """Full fine-tuning that is no planted control: like the base it is pinned to the top of a table."""
        return not self.is_base and self.first.method == "full" and self.first.planted is None

    @property
    def unverified(self) -> bool:
        """Nobody checked that the engine really applied this checkpoint."""
        return not self.is_base and self.first.verified is None


@dataclass(frozen=True)
class Control:
    """A planted control: what was put in, what was measured, and whether the verdict says so (None: not measured)."""

    model: str
    metric: str
    attribute: str
    group: str
    planted: float
    measured: Comparison | None
    right: bool | None


def build_lines(
    rows: Sequence[Row],
    *,
    bases: Iterable[str],
    against: str | None,
    sort: str | None = None,
    metrics: Iterable[str] = (),
    references: Mapping[str, str] | None = None,
) -> list[Line]:
    """Pivot rows by model.

    Args:
        rows: all rows of an audit; a filter here changes no p value.  Those by layer are left out unless asked for;
            of a task that has no others the deepest layer stays.
        bases: labels of the base models, which come first.
        against: the reference to show; None: each model's base, or full fine-tuning where the base has no head.
        sort: a metric (``metric`` or ``task/metric``) to order the models by, best first in the metric's direction;
            otherwise by method and rank, planted controls last.  The base and full fine-tuning stay on top.
        metrics: only these (``metric`` or ``task/metric``); empty: all.
        references: model -> the reference to show for it, instead of ``against`` and its base.

    Raises:
        LorafairError: for a metric that no row has.
    """
    known = {name for row in rows for name in (row.metric, f"{row.task}/{row.metric}")}
    wanted = list(metrics)
    unknown = [name for name in [*wanted, *([sort] if sort else [])] if name not in known]
    if unknown:
        raise LorafairError("\n".join(f"No result has the metric {n!r}.{did_you_mean(n, known)}" for n in unknown))
    plain, deepest = {row.task for row in rows if row.layer is None}, dict[str, int]()
    for row in rows:
        deepest[row.task] = max(row.layer or 0, deepest.get(row.task, 0))
    pinned, lines = set(bases), dict[str, Line]()
    compared = {c.reference for row in rows for c in row.comparisons}
    headless = any(row.failed == NO_HEAD for row in rows)
    for row in rows:
        if wanted and row.metric not in wanted and f"{row.task}/{row.metric}" not in wanted:
            continue
        if row.layer is not None and not wanted and (row.task in plain or row.layer != deepest[row.task]):
            continue  # dozens of columns; the report draws them
        default = next((c.reference for c in row.comparisons if c.reference in pinned or headless), None)
        reference = against if against in compared else default
        if references is not None:
            reference = references.get(row.model)
        line = lines.setdefault(row.model, Line(row, None, {}, row.model in pinned))
        if row.kind == "gap" and (row.task, row.metric) not in line.cells:  # a descriptive metric: nothing but its gap
            level = next((c for c in row.comparisons if c.reference == reference), None)
            line.cells[row.task, f"{row.metric}:{row.attribute}"] = Cell(row, level=level)
            continue
        if row.kind == "overall":
            cell = line.cells.setdefault((row.task, row.metric), Cell(row))
            cell.level = next((c for c in row.comparisons if c.reference == reference), None)
            line.reference = line.reference or (cell.level.reference if cell.level else None)
            continue
        cell = line.cells[row.task, row.metric]
        (cell.groups if row.kind == "group" else cell.gaps).append(row)
        for one in row.comparisons:
            if one.reference == reference and one.quantity == "contrast" and row.attribute and row.group:
                cell.contrasts[row.attribute, row.group] = one
    return sorted(lines.values(), key=lambda line: _order(line, sort))


def _order(line: Line, sort: str | None) -> tuple[object, ...]:
    first, by = line.first, 0.0
    if sort is not None:
        cell = next((c for (task, metric), c in line.cells.items() if sort in _name(metric, task, c)), None)
        value = cell.overall.estimate if cell else None
        sign = -1.0 if cell and cell.overall.higher_is_better else 1.0
        by = float("inf") if value is None else sign * value
    place = (first.planted is not None, first.method or "", first.rank or 0)
    return (
        not line.is_base,
        not line.is_full,
        by,
        *place,
        first.claim != "method",
        split_numbers(line.model),
        line.model,
    )


def split_numbers(label: str) -> tuple[str | float, ...]:
    """A label's texts and numbers in turn, so that labels sort by their numbers: 5e-05 before 0.0002 before 0.001."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[-+]\d+)?)", label)
    return tuple(float(part) if k % 2 else part for k, part in enumerate(parts))


def _name(metric: str, task: str, cell: Cell) -> set[str]:
    plain = cell.overall.metric
    return {metric, plain, f"{task}/{metric}", f"{task}/{plain}"}


def check_controls(lines: Iterable[Line]) -> list[Control]:
    """The planted controls among the lines.

    The verdict is right when it names the planted group, in the planted direction, and no other; for a control with
    nothing planted (equal rates), when it names no group.
    """
    found = []
    for line in lines:
        planted = line.first.planted
        if not planted:
            continue
        metric = str(planted.get("metric"))
        attribute, group = _find_planted_group(planted, line, metric)
        amount = float(planted.get("rate") or 0.0) - float(planted.get("rate_rest") or 0.0)
        cells = [c for (_, name), c in line.cells.items() if name == metric and (attribute, group) in c.contrasts]
        for cell in cells:
            named = {key: one.verdict for key, one in cell.contrasts.items() if one.verdict in {"worse", "better"}}
            up = "better" if cell.overall.higher_is_better else "worse"
            down = "worse" if up == "better" else "better"
            expected = {(attribute, group): up if amount > 0 else down} if amount else {}
            measured = cell.contrasts[attribute, group]
            found.append(Control(line.model, metric, attribute, group, amount, measured, named == expected))
        if not cells:
            found.append(Control(line.model, metric, attribute, group, amount, None, None))
    return found


def _find_planted_group(planted: dict[str, Any], line: Line, metric: str) -> tuple[str, str]:
    """The planted group, or the one that stands for it (``equivalents``) where a task divides people otherwise."""
    attribute, group = str(planted.get("attribute")), str(planted.get("group"))
    shown = {key for (_, name), cell in line.cells.items() if name == metric for key in cell.contrasts}
    if (attribute, group) in shown:
        return attribute, group
    equivalents = planted.get("equivalents") or {}
    found = [(str(key), str(value)) for key, value in equivalents.items() if (str(key), str(value)) in shown]
    return found[0] if found else (attribute, group)
