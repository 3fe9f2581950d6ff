"""Gap against rank: one line per method, the base and full fine-tuning as reference lines."""

from __future__ import annotations

import math
from typing import Any

from lorafair.leaderboard.escape import escape_figure
from lorafair.leaderboard.line import Cell, Line
from lorafair.report.figure import BASE, FULL, PALETTE, SYMBOLS, Topic, View, bar, fade, lay_out_figure, tell

LEVEL = "Level over all documents"
Number = tuple[float | None, float | None, float | None]


def draw_rank(topic: Topic) -> tuple[list[View], str]:
    """Views of the gap, the level, and each group against the rest; or none, and why.

    A band is drawn where each rank has one checkpoint; several at one rank are points with intervals of their own and a
    line through their mean.  What is claimed of a method over its training seeds has marks and a band of its own, and
    takes the place of that line.  Planted controls are left out.
    """
    ranked = [(line, cell) for line, cell in topic.cells if line.first.rank and not line.first.planted]
    ranked = [(line, cell) for line, cell in ranked if not line.is_base and not line.is_full]
    if not ranked:
        return [], "No adapter with a rank was measured."
    views = []
    if topic.attribute is not None:
        title = f"max − min over {topic.attribute} (descriptive, biased upward by noise)"
        views.append(
            _draw(topic, ranked, "Gap between groups (max − min)", "gap", title, lambda c: _ends(topic.gap(c)))
        )
    views.append(_draw(topic, ranked, LEVEL, "level", "level", lambda c: _ends(c.overall)))
    for name in topic.groups():
        title = f"{name} minus the rest (simultaneous intervals)"
        of = lambda cell, name=name: _contrast(topic, cell, name)  # noqa: E731
        views.append(_draw(topic, ranked, f"{name} against the rest", "group minus rest", title, of))
    if topic.first.probe is not None:
        views.sort(key=lambda view: view.name != LEVEL)  # how far, before for whom
    return [view for view in views if view.rows], ""


def _ends(row: Any) -> Number:
    return (None, None, None) if row is None else (row.estimate, row.low, row.high)


def _contrast(topic: Topic, cell: Cell, name: str) -> Number:
    row = topic.group(cell, name)
    return (None, None, None) if row is None else (row.contrast, row.contrast_low, row.contrast_high)


def _draw(topic: Topic, ranked: list[tuple[Line, Cell]], name: str, short: str, title: str, read: Any) -> View:
    ranks = sorted({int(line.first.rank or 0) for line, _ in ranked})
    low, high = ranks[0] / 1.35, ranks[-1] * 1.35
    data: list[dict[str, Any]] = []
    rows: list[list[object]] = []
    for line, cell in topic.cells:
        if line.is_base or line.is_full:
            found = read(cell)
            data += _refer(line, found, low, high)
            rows.append([line.model, line.first.method or "base", None, *found])
    methods = list(dict.fromkeys(line.first.method or "?" for line, _ in ranked))
    for number, method in enumerate(methods):
        mine = sorted(
            ((line, read(cell)) for line, cell in ranked if (line.first.method or "?") == method),
            key=lambda pair: (pair[0].first.rank, pair[0].model),
        )
        rows += [[line.model, _name(line, method), line.first.rank, *found] for line, found in mine]
        known = [(line, found) for line, found in mine if found[0] is not None]
        whole = [pair for pair in known if pair[0].first.claim == "method"]
        runs = [pair for pair in known if pair[0].first.claim != "method"]
        colour, symbol = PALETTE[number % len(PALETTE)], SYMBOLS[number % len(SYMBOLS)]
        data += _trace(method, runs, colour, symbol, averaged=not whole) + _claim(method, whole, colour)
    layout = lay_out_figure(
        "rank",
        short,
        440,
        xaxis={
            "type": "log",
            "range": [math.log10(low), math.log10(high)],
            "tickvals": ranks,
            "ticktext": [str(rank) for rank in ranks],
        },
        yaxis={"zeroline": True},
    )
    told = "; ".join(f"{row[0]}: {tell(row[3], row[4], row[5])}" for row in rows)  # type: ignore[arg-type]
    header, heading = ["model", "method", "rank", "value", "low", "high"], f"{topic.title}: {title}"
    return View(name, data, layout, f"{name} against rank. {told}.", header, rows, heading)


def _refer(line: Line, found: Number, start: float, end: float) -> list[dict[str, Any]]:
    colour, dash = (BASE, "dash") if line.is_base else (FULL, "dot")
    value, low, high = found
    if value is None:
        return []
    name, text = escape_figure(line.model), f"{escape_figure(line.model)}: {tell(value, low, high)}"
    traces: list[dict[str, Any]] = []
    if low is not None and high is not None:
        corners = {"x": [start, end, end, start], "y": [low, low, high, high]}
        traces.append(_band(corners, colour, 0.10, name))
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "legendgroup": name,
            "x": [start, end],
            "y": [value, value],
            "line": {"color": colour, "dash": dash, "width": 2},
            "hoverinfo": "text",
            "hovertext": [text, text],
        }
    )
    return traces


def _name(line: Line, method: str) -> str:
    return f"{method}, the method over {len(line.first.seeds)} seeds" if line.first.claim == "method" else method


def _trace(
    method: str, known: list[tuple[Line, Number]], colour: str, symbol: str, *, averaged: bool
) -> list[dict[str, Any]]:
    """The checkpoints of a method; ``averaged``: several at one rank get a line through their mean."""
    if not known:
        return []
    name = escape_figure(method)
    ranks = [int(line.first.rank or 0) for line, _ in known]
    values = [found[0] for _, found in known]
    lows, highs = [found[1] for _, found in known], [found[2] for _, found in known]
    single = averaged and len(set(ranks)) == len(ranks)
    traces: list[dict[str, Any]] = []
    if single and len(ranks) > 1 and None not in lows and None not in highs:
        traces.append(_band({"x": ranks + ranks[::-1], "y": lows + highs[::-1]}, colour, 0.18, name))
    elif not single and averaged:
        middle = {r: [v for v, k in zip(values, ranks, strict=True) if k == r] for r in sorted(set(ranks))}
        means = [sum(filter(None, each)) / len(each) for each in middle.values()]
        line = {"color": colour, "width": 1.5}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(middle),
                "y": means,
                "line": line,
                "hoverinfo": "skip",
                "legendgroup": name,
                "showlegend": False,
            }
        )
    marks = _points(name, name, known, colour) | {"mode": "lines+markers" if single else "markers"}
    if averaged:
        marks |= {"marker": {"color": colour, "symbol": symbol, "size": 10}}
        marks |= {"error_y": bar(values, lows, highs) | {"color": colour}}
    else:  # the method's own marks carry the intervals
        marks |= {"marker": {"color": fade(colour, 0.55), "symbol": symbol, "size": 8}}
    return [*traces, marks]


def _claim(method: str, known: list[tuple[Line, Number]], colour: str) -> list[dict[str, Any]]:
    """The method at each rank, over its training seeds: large open diamonds, a band where there are several ranks."""
    if not known:
        return []
    group, seeds = escape_figure(method), sorted({len(line.first.seeds) for line, _ in known})
    name = f"{group}: the method, {' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} seeds"
    ranks = [int(line.first.rank or 0) for line, _ in known]
    lows, highs = [found[1] for _, found in known], [found[2] for _, found in known]
    traces = []
    if len(ranks) > 1 and None not in lows and None not in highs:
        traces.append(_band({"x": ranks + ranks[::-1], "y": lows + highs[::-1]}, colour, 0.18, group))
    bars = bar([found[0] for _, found in known], lows, highs) | {"color": colour, "thickness": 3, "width": 9}
    marker = {"color": colour, "symbol": "diamond-open", "size": 17, "line": {"color": colour, "width": 3}}
    return [*traces, _points(name, group, known, colour) | {"mode": "lines+markers", "marker": marker, "error_y": bars}]


def _points(name: str, group: str, known: list[tuple[Line, Number]], colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "legendgroup": group,
        "x": [int(line.first.rank or 0) for line, _ in known],
        "y": [found[0] for _, found in known],
        "line": {"color": colour, "width": 2.5},
        "hoverinfo": "text",
        "hovertext": [f"{escape_figure(line.model)}, rank {line.first.rank}: {tell(*found)}" for line, found in known],
    }


def _band(corners: dict[str, Any], colour: str, opacity: float, group: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        **corners,
        "fill": "toself",
        "fillcolor": fade(colour, opacity),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "legendgroup": group,
        "showlegend": False,
    }
