"""A probe's measures by layer: where in a model something happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorafair.leaderboard.escape import escape_figure
from lorafair.records import Row
from lorafair.report.figure import Topic, View, choose_styles, fade, lay_out_figure, tell

FIRST = "kl"
"""The measure that is shown first, where there is one."""
HEADER = ["model", "layer", "value", "low", "high", "documents"]


def draw_layers(topic: Topic) -> tuple[list[View], str]:
    """A view per measure over all documents, then of the first one over each group's; or none, and why."""
    if not topic.layers:
        return [], "Nothing here was measured by layer: choose a probe that does, such as probe:logit_lens."
    names = sorted({_name(row) for row in topic.layers}, key=lambda name: (name != FIRST, name))
    views = [view for name in names if (view := _draw(topic, name, None)) is not None]
    groups = dict.fromkeys(r.group for r in topic.layers if r.kind == "group" and r.attribute == topic.attribute)
    views += [view for group in groups if (view := _draw(topic, names[0], group)) is not None]
    return views, "" if views else "Nothing by layer could be estimated."


def _name(row: Row) -> str:
    return row.metric.rpartition("@")[0]


def _draw(topic: Topic, name: str, group: str | None) -> View | None:
    styles = choose_styles(topic.lines)
    data: list[dict[str, Any]] = []
    rows: list[list[object]] = []
    said = []
    for line in topic.lines:
        found = [r for r in topic.layers if (r.model, _name(r), r.claim) == (line.model, name, line.first.claim)]
        found = [r for r in found if (r.group == group and r.attribute == topic.attribute if group else _is_whole(r))]
        found = sorted((row for row in found if row.estimate is not None), key=lambda row: row.layer or 0)
        if not found:
            continue
        data += _trace(line.model, found, *styles[line.model])
        rows += [[line.model, row.layer, row.estimate, row.low, row.high, row.n] for row in found]
        most = max(found, key=lambda row: row.estimate or 0.0)
        said.append(
            f"{line.model}: {_tell(found[0])} at layer {found[0].layer}, largest {_tell(most)} at layer {most.layer}, "
            f"{_tell(found[-1])} at layer {found[-1].layer}"
        )
    if not data:
        return None
    first = next(row for row in topic.layers if _name(row) == name)
    label = first.metric_label.rpartition(", layer ")[0]
    shown = f"{name}: {group}" if group else f"{name}: all documents"
    heading = f"{label}, by layer" + (f"; {topic.attribute}: {group}" if group else "")
    layout = lay_out_figure("layer (0: before the first)", escape_figure(name), 440, yaxis={"rangemode": "tozero"})
    return View(shown, data, layout, f"{heading}. {'; '.join(said)}.", HEADER, rows, heading)


def _is_whole(row: Row) -> bool:
    return row.kind == "overall"


def _tell(row: Row) -> str:
    return tell(row.estimate, row.low, row.high)


def _trace(model: str, found: Sequence[Row], colour: str, symbol: str) -> list[dict[str, Any]]:
    """One model's line, with a band where there are intervals."""
    name, x = escape_figure(model), [int(row.layer or 0) for row in found]
    data: list[dict[str, Any]] = []
    known = [row for row in found if row.low is not None and row.high is not None]
    if len(known) > 1:
        places = [int(row.layer or 0) for row in known]
        ends = [row.low for row in known] + [row.high for row in known[::-1]]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": places + places[::-1],
                "y": ends,
                "fill": "toself",
                "fillcolor": fade(colour, 0.15),
                "line": {"width": 0},
                "hoverinfo": "skip",
                "legendgroup": name,
                "showlegend": False,
            }
        )
    mark = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": name,
        "x": x,
        "y": [row.estimate for row in found],
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "symbol": symbol, "size": 6},
        "hoverinfo": "text",
        "hovertext": [f"{name}, layer {row.layer}: {_tell(row)}" for row in found],
    }
    return [*data, mark]
