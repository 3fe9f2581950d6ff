"""The end of an audit: rows, leaderboard and report of all its bases."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lorafair.errors import LorafairError

if TYPE_CHECKING:
    from lorafair.audit.recipe import Recipe
    from lorafair.audit.run import Outcome


def name_models(recipe: Recipe, out: Path) -> dict[str, str]:
    """Folder -> label of each model's results; with several bases ``base:checkpoint``, and the base's own name."""
    if len(recipe.bases) == 1:
        return {}
    found = {}
    for base in recipe.bases:
        for folder in sorted((out / "results" / base).glob("*/")):
            if any(folder.glob("results_*.json")):
                found[str(folder)] = base if folder.name == "base" else f"{base}:{folder.name}"
    return found


def write_report(recipe: Recipe, out: Path, notes: Sequence[str], outcome: Outcome, say: Callable[[str], None]) -> None:
    """Write ``rows.jsonl``, ``leaderboard.md``, ``leaderboard.csv`` and ``report.html`` into ``out``.

    Args:
        notes: sentences that are said under every table.
        outcome: gets the files that were written and the metrics that failed.

    Raises:
        LorafairError: if there are no results, a primary metric is in none of them, or a file cannot be written.
    """
    from datetime import UTC, datetime

    from lorafair.leaderboard.applicable import expand_metrics
    from lorafair.leaderboard.choice import Choice
    from lorafair.leaderboard.line import build_lines
    from lorafair.leaderboard.origin import write_provenance
    from lorafair.leaderboard.render import render_csv, render_markdown, write_rows
    from lorafair.leaderboard.row import build_rows
    from lorafair.leaderboard.selection import COLUMNS, DEFAULT
    from lorafair.provenance import read_versions
    from lorafair.report.build import build_report
    from lorafair.report.confidence import collect_curves
    from lorafair.samples import read_audit

    stated = recipe.statistics
    folders = [out / "results" / base for base in recipe.bases]
    audit = read_audit(folders, name_models(recipe, out))
    choice = Choice(tuple(stated.primary), stated.correction, stated.margin, stated.permute)
    say(f"comparing {len(audit.models)} models")
    found = build_rows(
        audit, seed=stated.seed, resamples=stated.resamples, asked=tuple(recipe.report.metric), choice=choice
    )
    found.notes[:0] = notes
    more: list[Path] = []
    if stated.undertraining is not None and recipe.probes:
        from lorafair.audit.undertraining import write_undertraining

        more, said = write_undertraining(recipe, out, found.rows)
        found.notes[len(notes) : len(notes)] = said
    expand_metrics(tuple(recipe.report.metric), found.rows, audit)
    lines = build_lines(found.rows, bases=[m.label for m in audit.models if m.kind == "base"], against=None)
    title = recipe.report.title or recipe.title or "Is it less fair?"
    created = f"on {datetime.now(UTC):%Y-%m-%d} by LoRAFair {read_versions().get('lorafair', '')}".strip()
    command = shlex.join(["lorafair", "audit", str(out / "recipe.yaml"), "--out", str(out), "--only", "report"])
    page = build_report(
        audit, found, lines, curves=collect_curves(audit), title=title, command=command, created=created
    )
    heading = f"# {title}\n\n" if title else ""
    files = {
        "leaderboard.md": heading + render_markdown(found, lines, DEFAULT),
        "leaderboard.csv": render_csv(lines, frozenset(COLUMNS)),
        "report.html": page,
    }
    try:
        write_rows(found.rows, out / "rows.jsonl")
        write_provenance(found, out / "rows.provenance.json")
        for name, text in files.items():
            part = out / f".{name}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(out / name)
    except OSError as error:
        raise LorafairError(f"{out} cannot be written: {error.strerror}. What was answered is kept.") from error
    outcome.written += [out / name for name in (*files, "rows.jsonl")] + more
    outcome.failed += found.failed
