"""``lorafair leaderboard``: compare what results folders hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .plugins_timeout import add_plugin_timeout


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A B",
    help="In place of RESULTS: each model of folder B against the same label in folder A.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "md", "csv", "json", "latex", "html"]),
    default="terminal",
    show_default=True,
    help="json: the rows of rows.jsonl as one list; latex: booktabs tables.",
)
@click.option(
    "--columns",
    metavar="NAME,…",
    help="Show these only, of method, rank, trainable, interval, difference, p, detectable, n, verdict, groups.",
)
@click.option("--sort", metavar="METRIC", help="Order the models by a metric, best first; base and full stay on top.")
@click.option("--against", default="base", show_default=True, metavar="LABEL", help="The reference of the differences.")
@click.option("--label", "labels", multiple=True, metavar="FOLDER=NAME", help="Name the model of a folder's results.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Show only this: a column, or a metric of the registry, computed as exploratory; p values stay as they are.",
)
@click.option("--cross", nargs=2, multiple=True, metavar="A B", help="Add the attribute A×B: combinations of groups.")
@click.option("--primary", multiple=True, metavar="NAME", help="A metric that carries verdicts, fixed before the run.")
@click.option("--correction", type=click.Choice(["holm", "bh"]), default="holm", show_default=True, help="bh: FDR.")
@click.option("--margin", type=float, metavar="DELTA", help="Ask for 'equivalent' and 'not worse' to within DELTA.")
@click.option("--permute", is_flag=True, help="p values by permutation of whole clusters, not by the bootstrap.")
@click.option("--shares", type=click.Path(path_type=Path), help="JSON: groups' counts in the training data.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="A recipe; `leaderboard:` fixes primary, correction and margin."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--resamples", type=click.IntRange(min=200), help="B; default 2,000, more for many comparisons.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead of printing.")
@add_plugin_timeout
def leaderboard(
    results: tuple[Path, ...],
    compare: tuple[Path, Path] | None,
    form: str,
    columns: str | None,
    sort: str | None,
    against: str,
    labels: tuple[str, ...],
    metrics: tuple[str, ...],
    cross: tuple[tuple[str, str], ...],
    primary: tuple[str, ...],
    correction: str,
    margin: float | None,
    permute: bool,
    shares: Path | None,
    config: Path | None,
    seed: int,
    resamples: int | None,
    out: Path | None,
) -> None:
    """Compare the models in RESULTS: folders of `lorafair eval`, or of `lm_eval --log_samples`.

    A line per model: rates with 95% intervals by clusters, per-group values, the paired difference from the base, and
    a verdict on level and on fairness.  Tasks with labels get accuracy, error rates and their differences between
    groups; `lorafair plugins list --kind metric` shows what else there is.  Writes rows.jsonl into the first folder
    (not with --compare); needs no model.
    """
    from lorafair.collection import skip_last_collection
    from lorafair.errors import LorafairError
    from lorafair.intersection import cross_attributes
    from lorafair.leaderboard.applicable import expand_metrics
    from lorafair.leaderboard.choice import read_choice
    from lorafair.leaderboard.latex import render_latex
    from lorafair.leaderboard.line import build_lines
    from lorafair.leaderboard.origin import write_provenance
    from lorafair.leaderboard.page import render_html
    from lorafair.leaderboard.pairing import pair_audits
    from lorafair.leaderboard.render import render_csv, render_json, render_markdown, render_terminal, write_rows
    from lorafair.leaderboard.row import build_rows
    from lorafair.leaderboard.selection import COLUMNS, DEFAULT, choose_columns
    from lorafair.samples import read_audit

    named = dict(label.rpartition("=")[::2] for label in labels)
    if any(not folder or not name for folder, name in named.items()):
        raise LorafairError("--label takes FOLDER=NAME, for example --label results/run-3=lora-r8.")
    if bool(results) == bool(compare):
        raise LorafairError("Give RESULTS folders, or --compare A B with two of them.")
    if compare and against != "base":
        raise LorafairError("--compare compares each model with itself in the other folder: leave --against out.")
    if form == "json" and columns:
        raise LorafairError("--format json holds whole rows: leave --columns out, or choose another format.")
    skip_last_collection()
    chosen = choose_columns(columns, frozenset(COLUMNS) if form == "csv" else DEFAULT)
    choice = read_choice(primary, correction, margin, config, permute, shares)
    if compare:
        one, other = (read_audit([folder], _pick_labels(named, folder, compare)) for folder in compare)
        for each in (one, other):
            cross_attributes(each, cross)
        wanted: dict[str, Any] = {"sort": sort, "metrics": metrics, "choice": choice}
        found, lines = pair_audits(one, other, seed=seed, resamples=resamples, **wanted)
        metrics = expand_metrics(metrics, found.rows, other)
    else:
        audit = read_audit(results, named)
        cross_attributes(audit, cross)
        reference = None if against == "base" else against
        found = build_rows(audit, seed=seed, resamples=resamples, against=reference, asked=metrics, choice=choice)
        metrics = expand_metrics(metrics, found.rows, audit)
        bases = [model.label for model in audit.models if model.kind == "base"]
        lines = build_lines(found.rows, bases=bases, against=reference, sort=sort, metrics=metrics)
    kept = [row for row in found.rows if not metrics or {row.metric, f"{row.task}/{row.metric}"} & set(metrics)]
    text = {
        "terminal": lambda: render_terminal(found, lines, _measure_width(), chosen),
        "md": lambda: render_markdown(found, lines, chosen),
        "csv": lambda: render_csv(lines, chosen),
        "json": lambda: render_json(kept),
        "latex": lambda: render_latex(found, lines, chosen),
        "html": lambda: render_html(found, lines, chosen),
    }[form]()
    if not compare:
        try:
            write_rows(found.rows, audit.folders[0] / "rows.jsonl")
            write_provenance(found, audit.folders[0] / "rows.provenance.json")
        except (LorafairError, OSError) as error:
            click.echo(f"Note: {error}", err=True)
    if out is None:
        click.echo(text, nl=False)
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise LorafairError(f"--out {out} cannot be written ({error.strerror}): choose another file.") from error
        click.echo(f"Wrote {out}.", err=True)
    if found.failed:
        raise click.ClickException("Marked as failed:" + "".join(f"\n  - {why}" for why in found.failed))


def _pick_labels(named: dict[str, str], folder: Path, both: tuple[Path, Path]) -> dict[str, str]:
    """The labels that speak of this folder: not those whose folder lies under the other one only."""
    other = both[1] if folder == both[0] else both[0]
    there = {name for name in named if other.resolve() in (Path(name).resolve(), *Path(name).resolve().parents)}
    here = {name for name in named if folder.resolve() in (Path(name).resolve(), *Path(name).resolve().parents)}
    return {name: label for name, label in named.items() if name in here or name not in there}


def _measure_width() -> int:
    """The terminal's width, at least 100 so that a pipe or a narrow window still gets whole tables."""
    import shutil

    return max(100, shutil.get_terminal_size((140, 40)).columns)
