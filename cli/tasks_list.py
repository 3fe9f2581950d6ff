"""``lorafair tasks list``: the tasks of the registry, without importing lm-eval."""

from __future__ import annotations

import click

from lorafair.registry import load_registry


@click.command("list")
def list_() -> None:
    """List the tasks: name, data sets, origin, description.

    lm-eval's own tasks run as well (`lm_eval ls tasks` shows them); these bring groups and fairness with them.
    """
    rows = [
        (
            entry.name,
            ", ".join(map(str, entry.fields.get("datasets") or ())),
            f"{entry.origin} {entry.version}".strip(),
            "".join(char if char.isprintable() else " " for char in " ".join(entry.description.split())),
        )
        for entry in load_registry().entries("task")
    ]
    head = ("TASK", "DATA SETS", "ORIGIN", "DESCRIPTION")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    for row in (head, *rows):
        click.echo("  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]))
