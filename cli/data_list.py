"""``lorafair data list``: the data sets of the registry and where each one lies; no file is read."""

from __future__ import annotations

import click

from lorafair.data.dataset import locate
from lorafair.registry import load_registry

from .plugins_list import flatten


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, one object per data set.")
def list_(as_json: bool) -> None:
    """List the data sets: name, rows, licence, where it is taken from, the tasks that read it.

    PLACE is sample (in the package), folder (LORAFAIR_DATA, or beside your own registry), `hub, cached`, hub (fetched
    when it is asked for), absent, or code (made by a function).
    """
    registry = load_registry()
    readers: dict[str, list[str]] = {}
    for task in registry.entries("task"):
        for name in task.fields.get("datasets") or ():
            readers.setdefault(str(name), []).append(task.name)
    rows = []
    for entry in registry.entries("dataset"):
        files = (entry.fields.get("files") or {}).values()
        sizes = [facts.get("rows", entry.fields.get("rows")) for facts in files]
        size = sum(map(int, sizes)) if sizes and None not in sizes else None
        licence = str(entry.fields.get("licence") or "not said")
        rows.append((entry.name, size, licence, locate(entry)[0], readers.get(entry.name, [])))
    if as_json:
        import json

        keys = ("name", "rows", "licence", "place", "tasks")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2, ensure_ascii=False))
        return
    table = [("DATA SET", "ROWS", "LICENCE", "PLACE", "TASKS")]
    table += [(n, "?" if size is None else str(size), lic, place, ", ".join(t)) for n, size, lic, place, t in rows]
    widths = [max(len(flatten(row[column])) for row in table) for column in range(4)]
    for row in table:
        cells = [flatten(text).ljust(width) for text, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, flatten(row[4])]).rstrip())
