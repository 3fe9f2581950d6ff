"""``lorafair recipe``: the group of commands about shipped recipes, one file each."""

from __future__ import annotations

import click

from .recipe_copy import copy
from .recipe_list import list_
from .recipe_show import show


@click.group("recipe")
def command() -> None:
    """The recipes that come with LoRAFair: list them, show one, copy one to edit it. `lorafair audit` runs them."""


for each in (list_, show, copy):
    command.add_command(each)
