"""``lorafair report``: one HTML file that shows what results folders hold."""

from __future__ import annotations

from pathlib import Path

import click

from .plugins_timeout import add_plugin_timeout


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="The file to write.",
)
@click.option("--title", default="Is it less fair?", show_default=True, help="The page's heading.")
@click.option("--against", default="base", show_default=True, metavar="LABEL", help="The reference of the differences.")
@click.option("--label", "labels", multiple=True, metavar="FOLDER=NAME", help="Name the model of a folder's results.")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Show only this metric; p values stay as they are."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--resamples", type=click.IntRange(min=200), help="B; default 2,000, more for many comparisons.")
@add_plugin_timeout
def report(
    results: tuple[Path, ...],
    out: Path,
    title: str,
    against: str,
    labels: tuple[str, ...],
    metrics: tuple[str, ...],
    seed: int,
    resamples: int | None,
) -> None:
    """Show the models in RESULTS on one page: the answer, leaderboard, figures, samples, methods.

    The file needs no network and no model, and holds the numbers of `lorafair leaderboard`.

    \b
        lorafair report results/ --out report.html
    """
    import shlex
    from datetime import UTC, datetime

    from lorafair.errors import LorafairError
    from lorafair.leaderboard.applicable import expand_metrics
    from lorafair.leaderboard.line import build_lines
    from lorafair.leaderboard.row import build_rows
    from lorafair.provenance import read_versions
    from lorafair.report.build import build_report
    from lorafair.report.confidence import collect_curves
    from lorafair.samples import read_audit

    named = dict(label.rpartition("=")[::2] for label in labels)
    if any(not folder or not name for folder, name in named.items()):
        raise LorafairError("--label takes FOLDER=NAME, for example --label results/run-3=lora-r8.")
    if not out.parent.is_dir():
        raise LorafairError(f"--out {out} cannot be written: make the folder {out.parent} first, or choose another.")
    asked, audit = metrics, read_audit(results, named)
    reference = None if against == "base" else against
    found = build_rows(audit, seed=seed, resamples=resamples, against=reference, asked=metrics)
    metrics = expand_metrics(metrics, found.rows, audit)
    bases = [model.label for model in audit.models if model.kind == "base"]
    lines = build_lines(found.rows, bases=bases, against=reference, metrics=metrics)
    command = ["lorafair", "report", *map(str, results)]
    command += [part for name in asked for part in ("--metric", name)]
    command += ["--against", against] if reference else []
    created = f"on {datetime.now(UTC):%Y-%m-%d} by LoRAFair {read_versions().get('lorafair', '')}".strip()
    told = {"title": title, "command": shlex.join(command), "created": created}
    page = build_report(audit, found, lines, curves=collect_curves(audit), **told)
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise LorafairError(f"--out {out} cannot be written ({error.strerror}): choose another file.") from error
    size = len(page.encode("utf-8")) / 1e6
    click.echo(
        f"Wrote {out} ({size:.1f} MB): {len(audit.models)} models, {len({s.task for s in audit.samples})} tasks."
    )
    if found.failed:
        raise click.ClickException("Marked as failed:" + "".join(f"\n  - {why}" for why in found.failed))
