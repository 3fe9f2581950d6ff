"""``lorafair tasks unlink``: take our stubs out of the installed lm-eval."""

from __future__ import annotations

import click

from lorafair.task_link import unlink_tasks


@click.command("unlink")
def unlink() -> None:
    """Remove the stubs that `lorafair tasks link` wrote, and nothing else."""
    removed = unlink_tasks()
    for stub in removed:
        click.echo(f"removed {stub}")
    if not removed:
        click.echo("Nothing to do: there are no links.")
