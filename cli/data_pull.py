"""``lorafair data pull``: fetch data sets into a folder for LORAFAIR_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lorafair.errors import LorafairError, raise_faults
from lorafair.registry import load_registry

from .plugins_list import flatten


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="The data sets that a task reads; repeatable.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that holds the data; default: LORAFAIR_DATA, else ./data.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there and are not the declared ones.")
def pull(names: tuple[str, ...], tasks: tuple[str, ...], out: Path | None, overwrite: bool) -> None:
    """Fetch the data sets NAMED from the Hub, at the pinned revision, into a folder that LORAFAIR_DATA can name.

    Each file is held to its declaration (sha256, columns, rows) before it takes its place. An interrupted transfer goes
    on where it stopped. Files that are there already are left alone.

    \b
        lorafair data pull honest_binary_en --out data
        export LORAFAIR_DATA=data
    """
    registry = load_registry()
    entries = {name: registry.get("dataset", name) for name in names}
    for task in tasks:
        for name in map(str, registry.get("task", task).fields.get("datasets") or ()):
            entry = registry.get("dataset", name)
            if entry.fields.get("files") and not entry.fields.get("sample"):
                entries[name] = entry
    if not entries:
        raise LorafairError("Name the data sets to pull, or a task with --task; `lorafair data list` shows them.")
    from lorafair.data.transfer import pull_dataset

    folder = out or Path(os.environ.get("LORAFAIR_DATA") or "data")
    faults = []
    for name, entry in entries.items():
        click.echo(f"{name}: licence {flatten(str(entry.fields.get('licence') or 'not said'))}", err=True)
        if terms := entry.fields.get("terms"):
            click.echo(f"  {flatten(str(terms))}", err=True)
        try:
            for path, new in pull_dataset(entry, folder, overwrite, lambda line: click.echo(f"  {line}", err=True)):
                click.echo(f"{'fetched' if new else 'already there'}: {path}")
        except LorafairError as error:
            faults.append(str(error).replace("\n", "\n    "))
    raise_faults("Not everything is there", faults)
    click.echo(f"export LORAFAIR_DATA={folder.resolve()}")
