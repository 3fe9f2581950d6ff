"""``lorafair tasks``: the group of commands about tasks, one file each."""

from __future__ import annotations

import click

from .tasks_link import link
from .tasks_list import list_
from .tasks_path import path
from .tasks_unlink import unlink


@click.group("tasks")
def command() -> None:
    """List the tasks; make plain lm_eval find them, and undo that."""


for each in (list_, path, link, unlink):
    command.add_command(each)
