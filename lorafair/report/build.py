"""The report: one HTML file that needs no network, from rows, lines and samples."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lorafair.leaderboard.escape import strip_controls, strip_paragraphs
from lorafair.leaderboard.flat import render_csv, write_csv
from lorafair.leaderboard.foot import list_feet
from lorafair.leaderboard.line import Line
from lorafair.leaderboard.row import Rows
from lorafair.leaderboard.selection import COLUMNS
from lorafair.report.answer import answer, list_warnings
from lorafair.report.distance import draw_distance
from lorafair.report.figure import Topic, View, list_topics
from lorafair.report.forest import draw_forest
from lorafair.report.group import draw_groups
from lorafair.report.layer import draw_layers
from lorafair.report.origin import describe_data, describe_models
from lorafair.report.pareto import draw_pareto
from lorafair.report.rank import draw_rank
from lorafair.report.reliability import Curves, draw_reliability
from lorafair.report.sample import DOCUMENTS, RULE, Browser
from lorafair.report.table import HEADER, find_tone, list_entries
from lorafair.report.text import ANSWER, ANSWERS, PROMPT
from lorafair.samples import Audit
from lorafair.template import fill_template

SAMPLES = 2_600_000
"""Bytes that the samples browser may take in the file: with more, fewer documents of each task are shown."""
MANY, FEW = 8000, 6
"""Answers (models x tasks x documents) from which on a few documents per task are tried first."""
FOLDER = Path(__file__).parent

Draw = Callable[[Topic], tuple[list[View], str]]
FIGURES: dict[str, tuple[str, str, Draw]] = {
    "rank": (
        "Gap against rank",
        "A line per method; the base (grey, dashed) and full fine-tuning (orange, dotted) are drawn across. Bands and "
        "bars are 95% intervals; large open diamonds are claims about the method, over its training seeds. The gap "
        "max − min is biased upward by noise and carries no verdict; choose a group against the rest for what verdicts "
        "rest on.",
        draw_rank,
    ),
    "forest": (
        "Paired differences",
        "Each model against its reference, over the documents that both answered, with 95% intervals (simultaneous "
        "over the groups of a model) and p adjusted over the whole family. Filled marks are verdicts (diamonds worse, "
        "discs better), rings are undecided or carry no claim. * as in the leaderboard.",
        draw_forest,
    ),
    "pareto": (
        "Fairness against utility",
        "To the right is more useful, further down is fairer. The dotted line joins the models that no other beats in "
        "both; where intervals overlap it is not certain who belongs to it.",
        draw_pareto,
    ),
    "groups": (
        "Each group",
        "The metric over each group's documents, with 95% intervals for one group at a time. Click a name in the "
        "legend to add or remove a model.",
        draw_groups,
    ),
    "reliability": (
        "Reliability",
        "How often answers are right that were given with a certain confidence; on the diagonal confidence is honest. "
        "Ten bins of equal width as in Guo et al. 2017; intervals are Clopper–Pearson bounds over clusters.",
        draw_reliability,
    ),
    "distance": (
        "Gap against distance from the base",
        "Each model at what a probe measured of it (to the right: further from the base, where that is what it "
        "measured), with 95% intervals both ways; the dashed line is the base. Models that moved as far are compared "
        "fairly; a lower rank that only moved less is not thereby fairer.",
        draw_distance,
    ),
    "layers": (
        "By layer",
        "What a probe measured after each layer, with 95% intervals one layer at a time; layer 0 is before the first. "
        "In the logit lens the last layer is what the model really says.",
        draw_layers,
    ),
}
"""Name -> title, what it says, and the function that draws it, in the report's order."""
PROBES = ("distance", "layers")
"""Figures that are left out of the page where no probe measured anything."""


def build_report(
    audit: Audit,
    found: Rows,
    lines: Sequence[Line],
    *,
    title: str,
    command: str,
    created: str,
    curves: Mapping[str, Curves] | None = None,
) -> str:
    """The whole report as HTML.

    Args:
        audit: what was read; its samples files are read once more for prompts and completions.
        found, lines: of :func:`~lorafair.leaderboard.row.build_rows` and
            :func:`~lorafair.leaderboard.line.build_lines`.
        title: the page's heading.
        command: what the reader types to make the report again.
        created: when, in words.
        curves: task -> its reliability curves, where its samples hold probabilities.

    Raises:
        LorafairError: if a samples file cannot be read any more.
    """
    labels = {row.metric: row.metric_label for row in found.rows}
    layered = [row for row in found.rows if row.layer is not None]
    probed = any(row.probe for row in found.rows)
    drawn = {name: figure for name, figure in FIGURES.items() if probed or name not in PROBES}
    topics = list_topics(lines, curves, layered)
    figures = [_describe(topic, drawn) for topic in topics]
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    library = _read_plotly()
    verdicts = [_find_verdict(topic) for topic in topics]
    first = next((i for i, found_one in enumerate(verdicts) if found_one), 0)
    return fill_template(
        FOLDER,
        "page.html",
        title=title,
        answer=answer(found, lines),
        warnings=list_warnings(lines),
        header=HEADER,
        entries=list_entries(lines),
        find_tone=find_tone,
        figures=[(name, head, about) for name, (head, about, _) in drawn.items()],
        topics=[{"title": one["title"], "attribute": one["attribute"]} for one in figures],
        first=first,
        beside=verdicts[first] if verdicts else "",
        feet=list_feet(found, lines),
        rule=RULE.format(documents=DOCUMENTS, prompt=PROMPT, answer=ANSWER, answers=ANSWERS),
        models=describe_models(audit),
        data=describe_data(audit),
        settings=found.settings,
        command=command,
        created=created,
        style=_mark((FOLDER / "page.css").read_text(encoding="utf-8")),
        script=_mark(script),
        hashes=[_hash(script), _hash(library)],
        plotly=_mark(pack(library)),
        drawings=_mark(pack(json.dumps({"topics": figures, "table": render_csv(lines, frozenset(COLUMNS))}))),
        samples=_mark(pack_samples(audit, labels)),
    )


def pack_samples(audit: Audit, labels: dict[str, str], limit: int = SAMPLES) -> str:
    """The packed samples of the browser: as many documents per task as fit into ``limit`` characters."""
    browser, count = Browser(audit, labels), DOCUMENTS
    if browser.size * DOCUMENTS > MANY:  # a few documents tell how many will fit
        few = len(pack(json.dumps(_strip(browser.collect(FEW)))))
        count = max(2, min(DOCUMENTS, int(FEW * limit / few)))
    while True:
        packed = pack(json.dumps(_strip(browser.collect(count))))
        if len(packed) <= limit or count <= 2:
            return packed
        count = max(2, min(count - 1, int(count * limit / len(packed) * 0.95)))


def pack(text: str) -> str:
    """gzip and base64: letters, digits, ``+/=`` only, so that nothing in it can end its element."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), 6, mtime=0)).decode("ascii")


def _describe(topic: Topic, figures: Mapping[str, tuple[str, str, Draw]]) -> dict[str, Any]:
    row = topic.first
    drawn: dict[str, Any] = {}
    for name, (_, _, draw) in figures.items():
        views, reason = draw(topic)
        drawn[name] = {"reason": reason, "views": [_describe_view(view) for view in views]}
    title = strip_controls(f"{row.metric_label} · {row.task}{' — sample data' if row.sample_data else ''}")
    return {
        "title": title,
        "task": strip_controls(topic.task),
        "attribute": topic.attribute and strip_controls(topic.attribute),
        "figures": drawn,
    }


def _describe_view(view: View) -> dict[str, Any]:
    table = write_csv(view.header, [dict(zip(view.header, row, strict=True)) for row in view.rows])
    shown = {key: strip_controls(getattr(view, key)) for key in ("name", "about", "heading")}
    return shown | {"data": view.data, "layout": view.layout, "csv": table}


def _find_verdict(topic: Topic) -> str:
    """The first model, planted controls apart, with a fairness verdict on the topic; empty without one."""
    for line, cell in topic.cells:
        changes = [one for (attribute, _), one in cell.contrasts.items() if attribute == topic.attribute]
        if line.first.planted is None and any(one.verdict in {"worse", "better"} for one in changes):
            return line.model
    return ""


def _strip(value: Any) -> Any:
    """Control characters out of all text that the browser will show; line breaks and tabs stay."""
    if isinstance(value, dict):
        return {key: _strip(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_strip(each) for each in value]
    if isinstance(value, str):
        return strip_paragraphs(value)
    return value


def _read_plotly() -> str:
    """The bundle of plotly.js that the distribution plotly carries."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _hash(script: str) -> str:
    """A script's name in a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')}"


def _mark(text: str) -> Any:
    """The project's own style or script, or packed data (no character that HTML knows), put in as it is."""
    from markupsafe import Markup

    return Markup(text)
