"""``lorafair audit``: one recipe from training to report."""

from __future__ import annotations

from pathlib import Path

import click

from .plugins_timeout import add_plugin_timeout


@click.command("audit")
@click.argument("recipe")
@click.option("--dry-run", is_flag=True, help="Print the plan: runs, steps, requests, memory, time. Nothing is done.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["train", "eval", "probe", "report"]),
    help="Only this step; repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the audit.  [default: audits/<name of the recipe>]",
)
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="KEY=VALUE",
    help="Over the recipe's value: train.rank=[2,8], eval.limit=20, probes.0.limit=10; repeatable.",
)
@click.option("--resume/--no-resume", default=True, help="Go on with interrupted training, or start it over.")
@click.option("--overwrite", is_flag=True, help="Train again what is trained already.")
@click.option(
    "--launcher",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where: here, one after another, or as tasks of a Ray cluster (docs/launcher.md).",
)
@click.option(
    "--ray-address",
    metavar="auto|HOST:PORT",
    help="A cluster that runs already.  [default: one of this machine, for as long as the audit takes]",
)
@add_plugin_timeout
def command(
    recipe: str,
    dry_run: bool,
    only: tuple[str, ...],
    out: Path | None,
    values: tuple[str, ...],
    resume: bool,
    overwrite: bool,
    launcher: str,
    ray_address: str | None,
) -> None:
    """Train, evaluate, probe, compare and report what RECIPE says: a YAML file, or the name of a shipped recipe.

    The recipe is checked whole before anything runs, and the family of claims is written down before the first answer.
    Interrupted or killed, the same command goes on where it was: nothing is trained or asked twice.

    \b
        lorafair recipe list
        lorafair audit das2024-honest-small --dry-run
        lorafair audit das2024-honest-small --set train.rank=[2,8] --out audits/mine
        lorafair audit das2024-honest --launcher ray --ray-address auto
    """
    from lorafair.audit.facts import collect_facts
    from lorafair.audit.schema import read_schema
    from lorafair.audit.shipped import open_recipe
    from lorafair.audit.source import set_values
    from lorafair.audit.sweep import plan_sweeps
    from lorafair.launch.run import Launch, outline_launch

    launch = Launch.choose(launcher, ray_address, needed=not dry_run)
    source = open_recipe(recipe)
    set_values(source, values)
    found = read_schema(source)
    name = found.name or Path(source.name).stem
    folder = out or Path("audits") / Path(name).name
    sweeps = [sweep.train_with(resume=resume, overwrite=overwrite) for sweep in plan_sweeps(found, folder)]
    facts = collect_facts(found, sweeps)
    if dry_run:
        from lorafair.audit.outline import outline_audit

        click.echo(outline_audit(found, sweeps, facts, folder, name))
        if launch is not None:
            click.echo(outline_launch(found, sweeps, facts, folder, only))
        return
    from lorafair.audit.run import run_audit

    for line in facts.remote:
        click.echo(f"Note: {line}.", err=True)
    outcome = run_audit(
        found, sweeps, facts, folder, name=name, only=only, say=lambda line: click.echo(line, err=True), launch=launch
    )
    for path in outcome.written:
        click.echo(path)
    if outcome.failed:
        raise click.ClickException("Left out, or marked as failed:" + "".join(f"\n  - {why}" for why in outcome.failed))
