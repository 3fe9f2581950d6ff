"""``lorafair plugins list``: everything the registry knows, whoever declared it; no plugin is imported."""

from __future__ import annotations

import click

from lorafair.registry import KINDS, load_registry


@click.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind.")
@click.option("--origin", metavar="NAME", help="Only what this distribution (or `local registry`) declares.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, one object per name.")
def list_(kind: str | None, origin: str | None, as_json: bool) -> None:
    """List every name with its kind, origin and description."""
    registry = load_registry()
    if registry.note:
        click.echo(registry.note, err=True)
    entries = [entry for each in KINDS if kind in (None, each) for entry in registry.entries(each)]
    entries = [entry for entry in entries if origin in (None, entry.origin)]
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    rows = [
        (entry.kind, entry.name, f"{entry.origin} {entry.version}".strip(), flatten(entry.description))
        for entry in entries
    ]
    head = ("KIND", "NAME", "ORIGIN", "DESCRIPTION")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    for row in (head, *rows):
        click.echo("  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]).rstrip())


def flatten(text: str) -> str:
    """The text on one line, without control characters: descriptions may come from strangers."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
