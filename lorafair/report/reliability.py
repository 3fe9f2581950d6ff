"""Reliability curves: how often answers of a certain confidence are right, where the samples hold probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lorafair.leaderboard.escape import escape_figure
from lorafair.report.figure import PALETTE, SYMBOLS, Topic, View, bar, choose_styles, lay_out_figure, tell
from lorafair.statistics.reliability import Point

HEADER = ["curve", "confidence", "accuracy", "low", "high", "documents", "clusters"]


Curves = Mapping[tuple[str, str | None, str], Sequence[Point]]
"""(model, attribute, group) -> the points of its curve; (model, None, "") is over all documents."""


def draw_reliability(topic: Topic) -> tuple[list[View], str]:
    """A view of every model over all documents, then one per model of its groups; or none, and why."""
    curves: Curves = topic.curves
    styles = choose_styles(topic.lines)
    models = [line.model for line, _ in topic.cells]
    whole = [(name, *styles[name], curves[name, None, ""]) for name in models if curves.get((name, None, ""))]
    views = [_draw("Every model: all documents", whole)] if whole else []
    for model in models:
        groups = [
            (name, PALETTE[k % len(PALETTE)], SYMBOLS[k % len(SYMBOLS)], curves[model, topic.attribute, name])
            for k, name in enumerate(topic.groups())
            if curves.get((model, topic.attribute, name))
        ]
        if groups:
            views.append(_draw(f"{model}: each group", groups))
    return views, "" if views else "The samples of this task hold no probabilities of their answers."


def _draw(name: str, curves: Sequence[tuple[str, str, str, Sequence[Point]]]) -> View:
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "honest confidence",
            "x": [0, 1],
            "y": [0, 1],
            "line": {"color": "#7F7F7F", "dash": "dash", "width": 1.5},
            "hoverinfo": "skip",
        }
    ]
    rows: list[list[object]] = []
    for label, colour, symbol, points in curves:
        values = [p.accuracy for p in points]
        lows, highs = [p.low for p in points], [p.high for p in points]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": escape_figure(label),
                "x": [p.confidence for p in points],
                "y": values,
                "line": {"color": colour, "width": 1.5},
                "marker": {"color": colour, "symbol": symbol, "size": 9},
                "error_y": bar(values, lows, highs) | {"color": colour, "thickness": 1},
                "hoverinfo": "text",
                "hovertext": [
                    f"{escape_figure(label)}: confidence {p.confidence:.3f}, right {tell(p.accuracy, p.low, p.high)}, "
                    f"n={p.n}"
                    for p in points
                ],
            }
        )
        rows += [[label, p.confidence, p.accuracy, p.low, p.high, p.n, p.clusters] for p in points]
    layout = lay_out_figure("confidence", "share that is right", 460)
    return View(name, data, layout, f"{name}: accuracy against confidence, ten bins.", HEADER, rows)
