"""``lorafair translations``: the group of commands about files of translations, one file each."""

from __future__ import annotations

import click

from .translations_score import score


@click.group("translations")
def command() -> None:
    """Score translations that are there already, whoever made them."""


command.add_command(score)
