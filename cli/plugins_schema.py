"""``lorafair plugins schema``: the JSON Schema of a registry file, for editors."""

from __future__ import annotations

import click


@click.command()
@click.option("--path", "show_path", is_flag=True, help="Where the installed copy lies, instead of the schema itself.")
def schema(show_path: bool) -> None:
    """Print the JSON Schema of a registry file, by which an editor completes and checks yours.

    \b
    For the YAML language server (VS Code, Vim, Emacs, …), as the first line of your registry.yaml:
    # yaml-language-server: $schema=<what `lorafair plugins schema --path` prints>
    """
    if show_path:
        import importlib.resources

        click.echo(importlib.resources.files("lorafair") / "registry.schema.json")
        return
    from lorafair.registry_schema import format_schema

    click.echo(format_schema(), nl=False)
