"""A recipe's question of rank or under-training: gaps and distances of its runs, the share explained, a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lorafair.errors import LorafairError
from lorafair.records import Row
from lorafair.statistics.undertraining import Explained, explain_rank_effect

if TYPE_CHECKING:
    from lorafair.audit.recipe import Recipe


TOLD = 4


@dataclass(frozen=True)
class Question:
    """One quantity of one method on one base, over its runs: ``models`` with their rank, distance and gap.

    ``quantity``: ``level`` (of all documents), a group against the rest, or ``max - min`` of an attribute's groups,
    which noise biases upward.
    """

    base: str
    method: str
    task: str
    metric: str
    quantity: str
    models: list[str]
    ranks: list[int]
    distances: list[float]
    gaps: list[float]
    answer: Explained


def write_undertraining(recipe: Recipe, out: Path, rows: Sequence[Row]) -> tuple[list[Path], list[str]]:
    """Write ``undertraining.json``, ``undertraining.md`` and ``undertraining.svg`` into ``out``.

    Args:
        rows: those of the audit's leaderboard.

    Returns:
        the files, and a sentence for each of the first ``TOLD`` questions, levels first, for the notes of tables.

    Raises:
        LorafairError: if the probe gave no distance for any checkpoint, or a file cannot be written.
    """
    from lorafair.audit.figure import draw_questions

    stated = recipe.statistics.undertraining
    assert stated is not None
    distances = {base: read_distances(out / "results" / base, stated.probe, stated.value) for base in recipe.bases}
    if not any(distances.values()):
        raise LorafairError(
            f"Under-training cannot be told from rank: no checkpoint has numbers of the probe {stated.probe!r} called "
            f"{stated.value!r}. Add it to `probes:`, and run `lorafair audit … --only probe --only report`."
        )
    scaled = {base: {k: _scale(v, stated.scale) for k, v in each.items()} for base, each in distances.items()}
    questions = pose_questions(recipe, rows, scaled)
    axis = {"identity": "", "sqrt": "square root of ", "log": "log "}[stated.scale] + f"{stated.probe}: {stated.value}"
    told = [asdict(one) for one in questions]
    files = {
        "undertraining.json": json.dumps({"schema": 1, "distance": axis, "questions": told}, indent=2) + "\n",
        "undertraining.md": render_questions(questions, axis),
        "undertraining.svg": draw_questions(questions, axis),
    }
    try:
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise LorafairError(f"{out} cannot be written: {error.strerror}.") from error
    first = sorted(questions, key=lambda one: one.quantity != "level")[:TOLD]
    return [out / name for name in files], [tell_question(one) for one in first]


def tell_question(one: Question) -> str:
    """A question and its answer in one sentence."""
    where = f"{one.metric} of {one.task}, {one.quantity}, {one.method} on {one.base}"
    told = one.answer
    if told.share is None or told.low is None or told.high is None:
        return f"Rank or under-training, {where}: not estimable ({told.reason})"
    return (
        f"Rank or under-training, {where}: under-training explains {told.share:.2f} [{told.low:.2f}, "
        f"{told.high:.2f}] of the differences between {told.ranks} ranks ({told.runs} runs)"
    )


def read_distances(folder: Path, probe: str, value: str) -> dict[str, float]:
    """Label -> mean over documents of one of a probe's numbers; lines without a finite number are left out."""
    found = {}
    for path in sorted(folder.glob(f"*/probe_{probe}.jsonl")):
        numbers = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                number = json.loads(line)["values"].get(value)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            if isinstance(number, int | float) and np.isfinite(number):
                numbers.append(float(number))
        if numbers:
            found[path.parent.name] = float(np.mean(numbers))
    return found


def _scale(value: float, scale: str) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.sqrt(value) if scale == "sqrt" else np.log(value) if scale == "log" else value)


def pose_questions(recipe: Recipe, rows: Sequence[Row], distances: dict[str, dict[str, float]]) -> list[Question]:
    """A question per base, method and quantity of the metrics that are asked about; planted controls are left out."""
    stated = recipe.statistics.undertraining
    assert stated is not None
    wanted = set(stated.metric or recipe.statistics.primary)
    series: dict[tuple[str, str, str, str, str], list[tuple[str, int, float, float]]] = {}
    several = len(recipe.bases) > 1
    shown = {(row.task, row.metric, row.attribute): _first_group(rows, row) for row in rows if row.kind == "group"}
    for row in rows:
        if row.claim != "checkpoint" or row.planted or not row.rank or not row.method or row.failed:
            continue
        if not wanted and row.probe:
            continue  # a distance is no gap
        if wanted and not {row.metric, f"{row.task}/{row.metric}"} & wanted:
            continue
        base, label = row.model.split(":", 1) if several and ":" in row.model else (next(iter(recipe.bases)), row.model)
        distance = distances.get(base, {}).get(label)
        name, value = _find_quantity(row, shown)
        if distance is not None and value is not None:
            key = (base, row.method, row.task, row.metric, name)
            series.setdefault(key, []).append((label, row.rank, distance, value))
    return [_ask(key, runs, stated) for key, runs in series.items()]


def _first_group(rows: Sequence[Row], of: Row) -> str | None:
    """The only group of two that is asked about (the other mirrors it), None where there are more than two."""
    same = (row for row in rows if (row.task, row.metric, row.attribute) == (of.task, of.metric, of.attribute))
    groups = sorted({str(row.group) for row in same if row.kind == "group"})
    return groups[0] if len(groups) == 2 else None


def _find_quantity(row: Row, shown: dict[tuple[str, str, str | None], str | None]) -> tuple[str, float | None]:
    if row.kind == "overall":
        return "level", row.estimate
    only = shown.get((row.task, row.metric, row.attribute))
    if row.kind == "group":
        hidden = only is not None and row.group != only
        return f"{row.group} - rest ({row.attribute})", None if hidden else row.contrast
    return f"max - min ({row.attribute}), descriptive", None if row.descriptive and only is not None else row.estimate


def _ask(key: tuple[str, str, str, str, str], runs: Iterable[tuple[str, int, float, float]], stated: Any) -> Question:
    ordered = sorted(runs, key=lambda run: (run[1], run[2]))
    models, ranks, distances, gaps = (list(column) for column in zip(*ordered, strict=True))
    answer = explain_rank_effect(
        np.array(gaps), np.array(distances), np.array(ranks), resamples=stated.resamples, seed=stated.seed
    )
    return Question(*key, models, ranks, distances, gaps, answer)


def render_questions(questions: Sequence[Question], axis: str) -> str:
    """The table in Markdown, with what it says and what it rests on."""
    from lorafair.leaderboard.escape import escape_markdown
    from lorafair.leaderboard.number import format_interval, format_number, format_p

    head = ["base", "method", "task", "quantity", "runs", "share explained", "95%", "rank effect", "at equal distance",
            "monotone", "overlap"]  # fmt: skip
    lines = ["# Rank or under-training?", "", f"Distance from the base: {escape_markdown(axis)}.", ""]
    lines += [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    reasons = []
    for one in questions:
        told = one.answer
        quantity = f"{one.metric}: {one.quantity}"
        cells = [one.base, one.method, one.task, quantity, f"{told.runs} of {told.ranks} ranks",
                 format_number(told.share), format_interval(told.low, told.high), format_p(told.p_before),
                 format_p(told.p_after), format_number(told.monotone), f"{told.overlap:.0%}"]  # fmt: skip
        lines.append("| " + " | ".join(escape_markdown(cell) for cell in cells) + " |")
        if told.reason:
            reasons.append(f"- {escape_markdown(f'{one.base}, {one.method}, {one.task}, {quantity}: {told.reason}')}.")
    lines += ["", "![gap against rank, and against the distance](undertraining.svg)", ""]
    lines += ["Not estimable (n/e):", "", *reasons, ""] if reasons else []
    lines += [
        "*Share explained*: of the differences between ranks, how much goes along with how far training moved the "
        "model (1: ranks collapse onto one curve; 0: rank acts at equal distance, too). The slope is estimated within "
        "ranks. "
        "*Rank effect*: p of equal mean gaps over the ranks; *at equal distance*: p of equal gaps once the distance is "
        "held fixed. *Monotone*: the share with any monotone curve in place of a line. *Overlap*: share of the runs at "
        "distances that every rank reaches; where it is small the share rests on the line being straight. These are "
        "exploratory numbers about these runs on these documents, in no family of tests.",
    ]
    return "\n".join(lines) + "\n"
