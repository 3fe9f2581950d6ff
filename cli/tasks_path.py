"""``lorafair tasks path``: where the tasks' YAML files lie."""

from __future__ import annotations

import click

from lorafair.task_link import find_task_folder


@click.command("path")
@click.argument("task", required=False)
def path(task: str | None) -> None:
    """Print the folder for `lm_eval --include_path`: that of our tasks, or that of one TASK, whoever brings it."""
    click.echo(find_task_folder(task))
