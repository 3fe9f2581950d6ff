"""The fairness section of a model card, in Markdown: what the audit found about one model, and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from lorafair.identity import Model
from lorafair.leaderboard.escape import escape_markdown
from lorafair.leaderboard.foot import CLAIM
from lorafair.leaderboard.number import format_interval, format_number
from lorafair.leaderboard.row import Rows
from lorafair.records import Comparison, Row

START = "<!-- lorafair:start -->"
END = "<!-- lorafair:end -->"


def render_section(model: Model, found: Rows) -> str:
    """The section between its markers, ending with a line break; the same rows give the same bytes.

    One table per task and metric: all documents, each group, and the descriptive gap, each with its 95% interval, its
    documents and clusters, and its paired differences with their verdicts.  Every name is escaped.
    """
    rows = [row for row in found.rows if row.model == model.label]
    parts = [START, "## Fairness", "", *_introduce(model, rows), ""]
    for task, metric in dict.fromkeys((row.task, row.metric) for row in rows):
        parts += [*_tabulate([row for row in rows if (row.task, row.metric) == (task, metric)]), ""]
    settings = found.settings
    parts += [
        f"Intervals are 95%, by {settings.resamples:,} bootstrap resamples of whole clusters (seed {settings.seed}); "
        "differences are paired over the same documents. Verdicts are corrected over all comparisons of the audit "
        "(Holm); a *contrast* is a group minus the rest. Max minus min is descriptive: noise biases it upward, and it "
        f"carries no verdict. n/e: not estimable. {CLAIM}",
        "",
        "Measured with LoRAFair.",
        END,
    ]
    return "\n".join(parts) + "\n"


def shorten(name: str | None) -> str:
    """A Hub id as it is; of a path on somebody's machine the last part only."""
    if name is None:
        return "its base"
    path = PurePath(name)
    return path.name if path.is_absolute() or len(path.parts) > 2 or name.startswith((".", "~")) else name


def _introduce(model: Model, rows: Sequence[Row]) -> list[str]:
    facts = [f"{model.method or model.kind}" + (f", rank {model.rank}" if model.rank else "")]
    facts.append(f"fine-tuned from {shorten(model.base)}" if model.kind != "base" else "a base model")
    lines = [escape_markdown(f"{model.label}: {'; '.join(facts)}.")]
    serving = "unverified serving" if model.verified is None else f"serving verified: {model.verified}"
    if model.kind != "base":
        lines.append(escape_markdown(f"Engine: {model.engine or 'not recorded'}; {serving}."))
    if any(row.sample_data for row in rows):
        lines.append("**Sample data**: numbers marked so come from a small sample set and are no benchmark results.")
    if model.planted is not None:
        lines.append("**Planted control**: this model was made with a known bias on purpose.")
    return [line for text in lines for line in (text, "")][:-1]


def _tabulate(rows: Sequence[Row]) -> list[str]:
    first = rows[0]
    better = {True: "higher is better", False: "lower is better", None: "direction not known"}[first.higher_is_better]
    data = ", sample data" if first.sample_data else ""
    title = f"### {escape_markdown(first.task)}: {escape_markdown(first.metric_label)} ({better}{data})"
    if first.failed:
        return [title, "", f"No number: {escape_markdown(first.failed)}"]
    references = list(dict.fromkeys(one.reference for row in rows for one in row.comparisons))
    header = ["documents", "estimate [95%]", "n (clusters)"]
    header += [f"difference from {escape_markdown(name)}" for name in references]
    table = [_join(header), _join(["---"] * len(header))]
    for row in rows:
        cells = [_name(row), f"{format_number(row.estimate)} {format_interval(row.low, row.high)}"]
        cells.append(f"{row.n} ({row.clusters})")
        cells += ["<br>".join(_compare(one) for one in row.comparisons if one.reference == name) for name in references]
        table.append(_join(cells))
    notes = dict.fromkeys(note for row in rows for note in row.notes if row.kind != "gap")
    return [title, "", *table, *([""] if notes else []), *(f"- {escape_markdown(note)}" for note in notes)]


def _name(row: Row) -> str:
    if row.kind == "group":
        return escape_markdown(f"{row.attribute}={row.group}")
    return "all" if row.kind == "overall" else f"{escape_markdown(str(row.attribute))}: max minus min (descriptive)"


def _compare(one: Comparison) -> str:
    span = f"{format_number(one.difference, True)} {format_interval(one.low, one.high, True)}"
    verdict = "" if one.verdict == "no claim" and one.quantity == "level" else f", {one.verdict}"
    return f"{one.quantity} {span}{verdict}"


def _join(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
