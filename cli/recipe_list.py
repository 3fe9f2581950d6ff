"""``lorafair recipe list``: the shipped recipes."""

from __future__ import annotations

import click


@click.command("list")
def list_() -> None:
    """List the shipped recipes with their titles; those that end in -small run on two cores."""
    import yaml

    from lorafair.audit.shipped import list_recipes

    titles = {name: str(yaml.safe_load(text).get("title", "")) for name, text in list_recipes().items()}
    width = max(map(len, titles))
    for name, title in titles.items():
        click.echo(f"{name.ljust(width)}  {title}")
