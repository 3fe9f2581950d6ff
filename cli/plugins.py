"""``lorafair plugins``: the group of commands about plugins, one file each."""

from __future__ import annotations

import click

from .plugins_check import check
from .plugins_list import list_
from .plugins_schema import schema
from .plugins_show import show


@click.group("plugins")
def command() -> None:
    """What can be named on a command line or in a recipe, where it comes from, and whether it works."""


for each in (list_, show, check, schema):
    command.add_command(each)
