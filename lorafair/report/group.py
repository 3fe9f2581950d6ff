"""Bars of each group's value, with intervals."""

from __future__ import annotations

from typing import Any

from lorafair.leaderboard.escape import escape_figure
from lorafair.leaderboard.line import is_certain
from lorafair.report.figure import Topic, View, bar, choose_styles, fade, lay_out_figure, tell

SHOWN = 4
"""Models drawn at first; the others wait in the legend."""
PATTERNS = ("", "/", "x", "-", "|", "+", ".", "\\")


def draw_groups(topic: Topic) -> tuple[list[View], str]:
    """One view with a bar per group and model; or none, and why.

    At first the base, full fine-tuning and the models with certain changes are drawn, up to ``SHOWN``.
    """
    names = topic.groups()
    if not names:
        return [], "The documents of this task carry no groups."
    styles = choose_styles(topic.lines)
    cells = topic.cells
    order = sorted(
        range(len(cells)),
        key=lambda i: (
            not cells[i][0].is_base,
            not cells[i][0].is_full,
            cells[i][0].first.planted is not None,
            not any(is_certain(one) for one in cells[i][1].contrasts.values()),
        ),
    )
    shown = set(order[:SHOWN])
    data: list[dict[str, Any]] = []
    rows: list[list[object]] = []
    for number, (line, cell) in enumerate(cells):
        found = [(name, row) for name in names if (row := topic.group(cell, name)) is not None]
        values, lows, highs = ([getattr(r, k) for _, r in found] for k in ("estimate", "low", "high"))
        colour, _ = styles[line.model]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": escape_figure(line.model),
                "y": [names.index(name) for name, _ in found],
                "x": values,
                "visible": True if number in shown else "legendonly",
                "marker": {
                    "color": fade(colour, 0.75),
                    "line": {"color": colour, "width": 1},
                    "pattern": {
                        "shape": PATTERNS[number % len(PATTERNS)],
                        "fillmode": "overlay",
                        "fgcolor": "#FFFFFF",
                        "fgopacity": 0.55,
                        "size": 6,
                        "solidity": 0.2,
                    },
                },
                "error_x": bar(values, lows, highs) | {"color": "#7F7F7F"},
                "hoverinfo": "text",
                "hovertext": [
                    f"{escape_figure(line.model)}, {escape_figure(n)}: {tell(r.estimate, r.low, r.high)}, n={r.n}"
                    for n, r in found
                ],
                "textposition": "none",
            }
        )
        rows += [[line.model, n, r.estimate, r.low, r.high, r.n, r.clusters] for n, r in found]
    sizes = {name: {r.n for _, cell in cells if (r := topic.group(cell, name)) is not None} for name in names}
    layout = lay_out_figure(
        escape_figure(topic.first.metric_label),
        "",
        130 + len(names) * (20 * min(SHOWN, len(cells)) + 18),
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": [
                f"{escape_figure(n)}<br>n={sizes[n].pop()}" if len(sizes[n]) == 1 else escape_figure(n) for n in names
            ],
            "range": [len(names) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
        },
        xaxis={"rangemode": "tozero"},
        barmode="group",
        bargap=0.25,
    )
    about = f"{topic.first.metric_label} of each group by {topic.attribute}, with 95% intervals."
    header = ["model", "group", "value", "low", "high", "documents", "clusters"]
    heading = f"{topic.title} by {topic.attribute}"
    return [View("Each group", data, layout, about, header, rows, heading)], ""
