"""``lorafair recipe show``: the text of a shipped recipe."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the shipped recipe NAME."""
    from lorafair.audit.shipped import show_recipe

    click.echo(show_recipe(name), nl=False)
