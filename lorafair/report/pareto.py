"""Fairness against utility: which models are not beaten in both."""

from __future__ import annotations

from typing import Any

from lorafair.leaderboard.escape import escape_figure
from lorafair.report.figure import Topic, View, bar, choose_styles, lay_out_figure, tell

LABELLED = 12
"""Up to this many models carry their names in the drawing."""


def draw_pareto(topic: Topic) -> tuple[list[View], str]:
    """A view per metric in which higher is better, against the gap of the topic; or none, and why."""
    if topic.attribute is None:
        return [], "The documents of this task carry no groups."
    keys = dict.fromkeys(
        key for line in topic.lines for key, cell in line.cells.items() if cell.overall.higher_is_better
    )
    views = [view for key in keys if (view := _draw(topic, key)) is not None]
    return views, "" if views else "No metric was measured in which higher is better, such as accuracy."


def find_front(points: list[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats: higher x and lower y are better; ordered by x.

    A point is beaten by one that is at least as good in both and better in one.
    """
    order = sorted(range(len(points)), key=lambda i: (-points[i][0], points[i][1]))
    front: list[int] = []
    best = float("inf")
    for i in order:
        x, y = points[i]
        if y < best or (front and points[front[-1]] == (x, y)):
            front.append(i)
            best = y
    return front[::-1]


def _draw(topic: Topic, key: tuple[str, str]) -> View | None:
    styles = choose_styles(topic.lines)
    found: list[tuple[Any, ...]] = []
    for line, cell in topic.cells:
        use, gap = line.cells.get(key), topic.gap(cell)
        if use is None or gap is None or use.overall.estimate is None or gap.estimate is None:
            continue
        found.append((line.model, use.overall, gap))
    if len(found) < 2:
        return None
    label = next(line.cells[key].overall.metric_label for line in topic.lines if key in line.cells)
    named = len(found) <= LABELLED
    data: list[dict[str, Any]] = []
    front = find_front([(use.estimate, gap.estimate) for _, use, gap in found])
    data.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "not beaten in both",
            "x": [found[i][1].estimate for i in front],
            "y": [found[i][2].estimate for i in front],
            "line": {"color": "#7F7F7F", "dash": "dot", "shape": "vh", "width": 1.5},
            "hoverinfo": "skip",
        }
    )
    for model, use, gap in found:
        colour, symbol = styles[model]
        text = f"{escape_figure(model)}<br>utility {tell(use.estimate, use.low, use.high)}"
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text" if named else "markers",
                "name": escape_figure(model),
                "x": [use.estimate],
                "y": [gap.estimate],
                "text": [escape_figure(model)],
                "textposition": "top center",
                "marker": {"color": colour, "symbol": symbol, "size": 12},
                "error_x": bar([use.estimate], [use.low], [use.high]) | {"color": colour},
                "error_y": bar([gap.estimate], [gap.low], [gap.high]) | {"color": colour},
                "hoverinfo": "text",
                "hovertext": [f"{text}<br>gap {tell(gap.estimate, gap.low, gap.high)}"],
                "showlegend": not named,
            }
        )
    utility = f"{label} ({key[0]})"
    layout = lay_out_figure(
        escape_figure(label),
        "gap",
        480,
    )
    header = ["model", "utility", "utility low", "utility high", "gap", "gap low", "gap high", "not beaten"]
    rows: list[list[object]] = [
        [model, use.estimate, use.low, use.high, gap.estimate, gap.low, gap.high, "yes" if i in front else "no"]
        for i, (model, use, gap) in enumerate(found)
    ]
    heading = f"{topic.first.metric_label}: gap (max − min) by {topic.attribute}, against utility: {utility}"
    about = f"Fairness against utility. Not beaten in both: {', '.join(found[i][0] for i in front)}."
    return View(f"Utility: {utility}", data, layout, about, header, rows, heading)
