"""``lorafair tasks path``: where the tasks' YAML files lie."""

from __future__ import annotations

import click

from lorafair.task_link import find_task_folder


@click.command("path")
def path() -> None:
    """Print the folder for `lm_eval --include_path`."""
    click.echo(find_task_folder())
