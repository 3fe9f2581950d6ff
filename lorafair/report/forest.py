"""Forest plots: paired differences from the reference, with intervals, adjusted p and verdict."""

from __future__ import annotations

from lorafair.leaderboard.escape import escape_figure
from lorafair.leaderboard.line import Line, is_certain
from lorafair.leaderboard.number import format_p
from lorafair.records import Comparison
from lorafair.report.figure import UNDECIDED, VERDICTS, Topic, View, bar, lay_out_figure, tell

HEADER = ["row", "reference", "difference", "low", "high", "p", "p adjusted", "verdict", "minimum detectable",
          "documents", "clusters"]  # fmt: skip


def draw_forest(topic: Topic) -> tuple[list[View], str]:
    """A view of every model's level, then one per model of its groups against the rest; or none, and why."""
    levels = [(_name(line), cell.level) for line, cell in topic.cells if cell.level is not None]
    if not levels:
        return [], "No model was compared with a reference over documents that both have."
    views = [_draw(topic, "Every model: the level", "of the level", levels)]
    order = sorted(
        topic.cells,
        key=lambda pair: (
            pair[0].first.planted is not None,
            not any(is_certain(one) for one in pair[1].contrasts.values()),
        ),
    )
    for line, cell in order:
        found = [(name, cell.contrasts[topic.attribute, name]) for name in topic.groups()
                 if topic.attribute is not None and (topic.attribute, name) in cell.contrasts]  # fmt: skip
        if found:
            name = f"{_name(line)}: each group against the rest"
            views.append(_draw(topic, name, "of each group minus the rest", found))
    certain = next((i for i, view in enumerate(views) if i and any(row[7] in VERDICTS for row in view.rows)), None)
    if certain is not None:
        views.insert(0, views.pop(certain))
    return views, ""


def _name(line: Line) -> str:
    return f"{line.model}, the method" if line.first.claim == "method" else line.model


def _draw(topic: Topic, name: str, of: str, found: list[tuple[str, Comparison]]) -> View:
    styles = [VERDICTS.get(one.verdict, UNDECIDED) for _, one in found]
    values = [one.difference for _, one in found]
    lows, highs = [one.low for _, one in found], [one.high for _, one in found]
    places = list(range(len(found)))
    said = [
        f"{format_p(one.p_adjusted)}{' *' if is_certain(one) else ''}, {one.verdict}"
        if one.p_adjusted is not None
        else one.verdict
        for _, one in found
    ]
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": values,
            "y": places,
            "marker": {"color": [c for c, _ in styles], "symbol": [s for _, s in styles], "size": 11},
            "error_x": bar(values, lows, highs) | {"color": "#7F7F7F"},
            "hoverinfo": "text",
            "hovertext": [
                f"{escape_figure(label)}: Δ {tell(one.difference, one.low, one.high, True)}<br>{text}"
                for (label, one), text in zip(found, said, strict=True)
            ],
            "showlegend": False,
        }
    ]
    reference = escape_figure(found[0][1].reference)
    layout = lay_out_figure(
        f"change from {reference}",
        "",
        110 + 40 * len(found),
        xaxis={"zeroline": False},
        yaxis={
            "tickvals": places,
            "ticktext": [
                f"<b>{escape_figure(label)}</b><br>{text}" for (label, _), text in zip(found, said, strict=True)
            ],
            "range": [len(found) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
        },
        shapes=[
            {
                "type": "line",
                "x0": 0,
                "x1": 0,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": "#7F7F7F", "width": 1.5, "dash": "dash"},
            }
        ],
    )
    rows: list[list[object]] = [
        [label, one.reference, one.difference, one.low, one.high, one.p, one.p_adjusted, one.verdict,
         one.minimum_detectable, one.documents, one.clusters] for label, one in found
    ]  # fmt: skip
    told = "; ".join(f"{label}: {tell(one.difference, one.low, one.high, True)}, {one.verdict}" for label, one in found)
    heading = f"{topic.title}: change {of} from {found[0][1].reference}"
    return View(
        name, data, layout, f"Paired differences {of} from {found[0][1].reference}. {told}.", HEADER, rows, heading
    )
