"""``lorafair plugins new``: a complete small distribution around a plugin that somebody is about to write."""

from __future__ import annotations

from pathlib import Path

import click

from lorafair.scaffold.distribution import NEW_KINDS, write_distribution


@click.command("new")
@click.argument("kind", type=click.Choice(NEW_KINDS))
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to make.  [default: lorafair-NAME]")
def new(kind: str, name: str, out: Path | None) -> None:
    """Write a distribution with one plugin that works as it is: code, a test, pyproject.toml and a README.

    \b
        lorafair plugins new scorer politeness
    """
    files = write_distribution(kind, name, out)
    for file in files:
        click.echo(f"wrote {file}")
    folder = files[-1].parent.parent
    click.echo(f"Next: cd {folder} && python -m pip install -e . && lorafair plugins check {name}")
