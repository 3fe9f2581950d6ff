"""``lorafair recipe copy``: a shipped recipe as a file to edit."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.argument("out", type=click.Path(path_type=Path), default=Path())
def copy(name: str, out: Path) -> None:
    """Write the shipped recipe NAME to OUT, a file or a folder (default: here), to be edited."""
    from lorafair.audit.shipped import copy_recipe

    path = copy_recipe(name, out)
    click.echo(f"Wrote {path}. Edit it, then: lorafair audit {path} --dry-run")
