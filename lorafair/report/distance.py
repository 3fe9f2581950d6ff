"""The gap of a task against what a probe measured of the same models: is it how far a model moved, or which method?"""

from __future__ import annotations

from typing import Any

from lorafair.leaderboard.escape import escape_figure
from lorafair.leaderboard.line import Cell, Line
from lorafair.records import Row
from lorafair.report.figure import BASE, Topic, View, bar, choose_styles, lay_out_figure, tell

LABELLED = 12
"""Up to this many models carry their names in the drawing."""
FIRST = ("kl", "first_kl", "kl_base")
"""The measures that are offered first."""
HEADER = ["model", "method", "rank", "measure", "measure low", "measure high", "value", "low", "high"]
Found = tuple[Line, Row, Row]


def draw_distance(topic: Topic) -> tuple[list[View], str]:
    """A view per probe's measure of the gap against it, and of the level against the first; or none, and why."""
    if topic.first.probe is not None:
        return [], "This is a probe's own measure: choose a task's."
    keys = list(dict.fromkeys(key for line in topic.lines for key, cell in line.cells.items() if cell.overall.probe))
    keys.sort(key=lambda key: FIRST.index(key[1]) if key[1] in FIRST else len(FIRST))
    views = []
    for number, key in enumerate(keys):
        if topic.attribute is not None:
            of = f"gap (max − min) by {topic.attribute} (descriptive, biased upward by noise)"
            views.append(_draw(topic, key, _pair(topic, key, topic.gap), "gap", of))
        if number == 0 or topic.attribute is None:
            views.append(_draw(topic, key, _pair(topic, key, lambda cell: cell.overall), "level", "level"))
    views = [view for view in views if view is not None]
    return views, "" if views else "No two of these models were measured by a probe, such as `lorafair probe kl`."


def _pair(topic: Topic, key: tuple[str, str], read: Any) -> list[Found]:
    found = []
    for line, cell in topic.cells:
        measured: Cell | None = line.cells.get(key)
        row: Row | None = read(cell)
        if measured is None or measured.overall.estimate is None or row is None or row.estimate is None:
            continue
        if line.first.claim == "checkpoint":
            found.append((line, measured.overall, row))
    return found


def _draw(topic: Topic, key: tuple[str, str], found: list[Found], short: str, of: str) -> View | None:
    if len(found) < 2:
        return None
    styles, named = choose_styles(topic.lines), len(found) <= LABELLED
    label = found[0][1].metric_label
    data: list[dict[str, Any]] = []
    base = next((row for line, _, row in found if line.is_base), None)
    if base is not None:
        ends = [min(one.estimate or 0.0 for _, one, _ in found), max(one.estimate or 0.0 for _, one, _ in found)]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{escape_figure(base.model)}, for reference",
                "x": ends,
                "y": [base.estimate] * 2,
                "line": {"color": BASE, "dash": "dash", "width": 1.5},
                "hoverinfo": "skip",
            }
        )
    for line, measured, row in found:
        colour, symbol = styles[line.model]
        text = f"{escape_figure(line.model)}<br>{escape_figure(measured.metric)} {_tell(measured)}"
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text" if named else "markers",
                "name": escape_figure(line.model),
                "x": [measured.estimate],
                "y": [row.estimate],
                "text": [escape_figure(line.model)],
                "textposition": "top center",
                "marker": {"color": colour, "symbol": symbol, "size": 12},
                "error_x": bar([measured.estimate], [measured.low], [measured.high]) | {"color": colour},
                "error_y": bar([row.estimate], [row.low], [row.high]) | {"color": colour},
                "hoverinfo": "text",
                "hovertext": [f"{text}<br>{short} {_tell(row)}"],
                "showlegend": not named,
            }
        )
    rows: list[list[object]] = [
        [
            line.model,
            line.first.method,
            line.first.rank,
            one.estimate,
            one.low,
            one.high,
            row.estimate,
            row.low,
            row.high,
        ]
        for line, one, row in found
    ]
    told = "; ".join(f"{line.model}: {_tell(one)}, {short} {_tell(row)}" for line, one, row in found)
    name = f"{'Gap' if short == 'gap' else 'Level'} against {key[1]} ({key[0]})"
    heading = f"{topic.title}: {of}, against {label} ({key[0]})"
    layout = lay_out_figure(escape_figure(label), short, 480)
    return View(name, data, layout, f"{name}. {told}.", HEADER, rows, heading)


def _tell(row: Row) -> str:
    return tell(row.estimate, row.low, row.high)
