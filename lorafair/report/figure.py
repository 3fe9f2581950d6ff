"""What the report's figures share: a view is one drawing with the table it was drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lorafair.leaderboard.line import Cell, Line
from lorafair.leaderboard.number import format_interval, format_number
from lorafair.records import Row

PALETTE = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#7A5195", "#8C6D31")
"""Colours of models, told apart by colour-blind readers on white and on black (after Okabe and Ito 2008)."""
BASE, FULL, PLANTED = "#7F7F7F", "#E69F00", "#D55E00"
SYMBOLS = ("circle", "diamond", "triangle-up", "square", "pentagon", "star", "hexagon", "triangle-down")
VERDICTS = {"worse": ("#D55E00", "diamond"), "better": ("#0072B2", "circle")}
"""Colour and symbol of a certain change; everything else is a grey ring."""
UNDECIDED = ("#7F7F7F", "circle-open")


@dataclass(frozen=True)
class View:
    """One drawing: Plotly ``data`` and ``layout``, what it shows in words, and its numbers as a table.

    ``heading`` stands over it, and in exported files; ``about`` is read to those who do not see it.
    """

    name: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    about: str
    header: list[str]
    rows: list[list[object]]
    heading: str = ""


@dataclass(frozen=True)
class Topic:
    """What the figures are about at one time: a metric of a task, by one attribute (None: no groups).

    ``curves``: the task's :data:`lorafair.report.reliability.Curves`, where its samples hold probabilities;
    ``layers``: the task's rows by layer, where a probe measured some.
    """

    task: str
    metric: str
    attribute: str | None
    lines: Sequence[Line]
    curves: Mapping[Any, Any] = field(default_factory=dict)
    layers: Sequence[Row] = ()

    @property
    def cells(self) -> list[tuple[Line, Cell]]:
        """The models that have the metric, in the lines' order."""
        key = (self.task, self.metric)
        found = [(line, line.cells[key]) for line in self.lines if key in line.cells]
        return [(line, cell) for line, cell in found if not cell.overall.failed]

    @property
    def first(self) -> Row:
        """The first model's overall row: label and direction are the same for all."""
        return self.cells[0][1].overall

    @property
    def title(self) -> str:
        """The metric with its direction."""
        better = {True: " (higher is better)", False: " (lower is better)", None: ""}[self.first.higher_is_better]
        return f"{self.first.metric_label}{better}"

    def gap(self, cell: Cell) -> Row | None:
        """The row of max minus min over the attribute's groups."""
        return next((row for row in cell.gaps if row.attribute == self.attribute), None)

    def groups(self) -> list[str]:
        """Names of the attribute's groups."""
        found = (row for _, cell in self.cells for row in cell.groups if row.attribute == self.attribute)
        return list(dict.fromkeys(str(row.group) for row in found))

    def group(self, cell: Cell, name: str) -> Row | None:
        """One model's row of a group."""
        return next((r for r in cell.groups if r.attribute == self.attribute and r.group == name), None)


def list_topics(
    lines: Sequence[Line], curves: Mapping[str, Any] | None = None, layers: Sequence[Row] = ()
) -> list[Topic]:
    """A topic per task, metric and attribute, in the tables' order.

    Args:
        lines: of the leaderboard.
        curves: task -> its reliability curves.
        layers: rows of measures by layer, of all tasks.
    """
    keys = dict.fromkeys(key for line in lines for key in line.cells)
    topics = []
    for task, metric in keys:
        cells = [line.cells[task, metric] for line in lines if (task, metric) in line.cells]
        if all(cell.overall.failed or cell.overall.descriptive for cell in cells):
            continue  # nothing to draw; a descriptive metric is a number of the table
        attributes = dict.fromkeys(row.attribute for cell in cells for row in (*cell.gaps, *cell.groups))
        found = (curves or {}).get(task, {}), [row for row in layers if row.task == task]
        topics += [Topic(task, metric, attribute, lines, *found) for attribute in attributes or [None]]
    return topics


def choose_styles(lines: Sequence[Line]) -> dict[str, tuple[str, str]]:
    """Model -> colour and symbol: the base grey, full fine-tuning orange, planted controls red, others in turn."""
    found, others = {}, 0
    for line in lines:
        if line.is_base:
            found[line.model] = (BASE, "circle")
        elif line.is_full:
            found[line.model] = (FULL, "square")
        elif line.first.planted:
            found[line.model] = (PLANTED, "x")
        else:
            found[line.model] = (PALETTE[others % len(PALETTE)], SYMBOLS[others % len(SYMBOLS)])
            others += 1
    return found


def fade(colour: str, opacity: float) -> str:
    """``#rrggbb`` as ``rgba(…)`` with that opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def bar(values: Sequence[float | None], lows: Sequence[float | None], highs: Sequence[float | None]) -> dict[str, Any]:
    """Error bars from interval ends; none where there is no interval."""

    def reach(value: float | None, end: float | None) -> float:
        return 0.0 if value is None or end is None else abs(end - value)

    above = [reach(v, h) if low is not None else 0.0 for v, low, h in zip(values, lows, highs, strict=True)]
    below = [reach(v, low) if h is not None else 0.0 for v, low, h in zip(values, lows, highs, strict=True)]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.5, "width": 4}


def tell(value: float | None, low: float | None, high: float | None, signed: bool = False) -> str:
    """An estimate with its interval, as in the tables."""
    return f"{format_number(value, signed)} {format_interval(low, high, signed)}"


def lay_out_figure(x: str, y: str, height: int, **more: Any) -> dict[str, Any]:
    """A layout without colours, which the page puts in; axis titles are escaped already."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "xaxis": {"title": {"text": x}, "automargin": True} | more.pop("xaxis", {}),
        "yaxis": {"title": {"text": y}, "automargin": True} | more.pop("yaxis", {}),
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "hovermode": "closest",
        **more,
    }
