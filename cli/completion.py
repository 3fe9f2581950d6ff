"""``lorafair completion SHELL``: the completion script of a shell, as click writes it."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  echo 'eval "$(lorafair completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(lorafair completion zsh)"' >> ~/.zshrc
    fish:  lorafair completion fish > ~/.config/fish/completions/lorafair.fish
    """
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    if completion is None:
        raise click.ClickException(f"This version of click has no completion for {shell}.")
    click.echo(completion(ctx.find_root().command, {}, "lorafair", "_LORAFAIR_COMPLETE").source())
