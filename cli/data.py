"""``lorafair data``: the group of commands about data sets, one file each."""

from __future__ import annotations

import click

from .data_build import build
from .data_check import check
from .data_list import list_
from .data_pull import pull


@click.group("data")
def command() -> None:
    """List the data sets, check the files that are here, fetch those that are not, make training data."""


for each in (list_, check, pull, build):
    command.add_command(each)
