"""``lorafair subgroups``: is some combination of groups worse off, though no group by itself is?"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--metric", required=True, metavar="NAME", help="A column of the leaderboard that is a mean over documents."
)
@click.option("--task", metavar="NAME", help="Only this task; default: every task that has the metric.")
@click.option("--depth", type=click.IntRange(1, 4), default=2, show_default=True, help="Groups in a combination.")
@click.option(
    "--min-n", type=click.IntRange(min=2), default=30, show_default=True, help="Documents a combination needs."
)
@click.option(
    "--top", type=click.IntRange(min=1), default=3, show_default=True, help="Combinations shown of each model."
)
@click.option("--label", "labels", multiple=True, metavar="FOLDER=NAME", help="Name the model of a folder's results.")
@click.option("--format", "form", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--resamples", type=click.IntRange(min=200), default=2000, show_default=True, help="B.")
def subgroups(
    results: tuple[Path, ...],
    metric: str,
    task: str | None,
    depth: int,
    min_n: int,
    top: int,
    labels: tuple[str, ...],
    form: str,
    seed: int,
    resamples: int,
) -> None:
    """Search all combinations of groups in RESULTS for the one that is worst off.

    For every model its own worst combinations, and those that changed for the worse most from the base (paired).
    Intervals and p hold for all combinations of a model together (max-T), so that the worst of many is no surprise.
    """
    from lorafair.errors import LorafairError
    from lorafair.leaderboard.subgroup import audit_models, render_json, render_terminal
    from lorafair.samples import read_audit

    named = dict(label.rpartition("=")[::2] for label in labels)
    if any(not folder or not name for folder, name in named.items()):
        raise LorafairError("--label takes FOLDER=NAME, for example --label results/run-3=lora-r8.")
    found = audit_models(
        read_audit(results, named), metric, task=task, depth=depth, min_n=min_n, seed=seed, resamples=resamples
    )
    click.echo(render_json(found) if form == "json" else render_terminal(found, top), nl=False)
