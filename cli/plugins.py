"""``lorafair plugins list``: everything the registry knows, whoever declared it; no plugin is imported."""

from __future__ import annotations

import click

from lorafair.registry import KINDS, load_registry

from .plugins_new import new


@click.group()
def command() -> None:
    """What can be named on a command line or in a recipe, and which distribution it comes from."""


@command.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, one object per name.")
def list_(kind: str | None, as_json: bool) -> None:
    """List every name with its kind, origin and description."""
    registry = load_registry()
    entries = [entry for each in KINDS if kind in (None, each) for entry in registry.entries(each)]
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    rows = [
        (entry.kind, entry.name, f"{entry.origin} {entry.version}".strip(), _flatten(entry.description))
        for entry in entries
    ]
    head = ("KIND", "NAME", "ORIGIN", "DESCRIPTION")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    for row in (head, *rows):
        click.echo("  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]).rstrip())


def _flatten(text: str) -> str:
    """The text on one line, without control characters: descriptions may come from strangers."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))


command.add_command(new)
