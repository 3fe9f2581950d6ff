"""The command ``lorafair``: a table of commands, each imported only when it runs, and the one place that prints errors.

Faults of the user (:class:`lorafair.errors.LorafairError`) end with exit code 2 and one message, Ctrl-C with 130.
"""

from __future__ import annotations

import difflib
import errno
import importlib
from typing import Any

import click

from lorafair import __version__
from lorafair.collection import collect_rarely
from lorafair.errors import LorafairError

COMMANDS = {
    "audit": "Run a whole recipe: train, evaluate, probe, compare, report.",
    "train": "Train LoRA adapters or all weights of a base, one rank or a sweep.",
    "eval": "Ask a base and its checkpoints one task or more, through one engine.",
    "score": "Score stored samples again, without a model.",
    "probe": "Ask a base and its checkpoints what lm-eval's requests cannot ask.",
    "leaderboard": "Compare what results folders hold: rates, intervals, differences, verdicts.",
    "report": "Show them on one page: the answer, leaderboard, figures, samples.",
    "subgroups": "Search combinations of groups for the one that is worst off.",
    "power": "Say how many documents, completions and seeds a difference takes to be found.",
    "gate": "Hold an adapter against a policy: pass, fail or undecided.",
    "translations": "Score a file of translations: the gender they give to people (WinoMT).",
    "card": "Write what an audit found into an adapter's model card.",
    "recipe": "List the shipped recipes, show one, copy one to edit it.",
    "tasks": "List the tasks; link them into lm-eval, or take the links away.",
    "data": "List the data sets, check their files, pull them from the Hub.",
    "plugins": "List what can be named, show one thing of it, check that it works.",
    "models": "List the small models that need no Hub, and pull one.",
    "doctor": "Check what is installed, which engines work here, where data resolves.",
    "completion": "Print the completion script of a shell.",
}
"""Name and one line of help of each command; its code is ``<name>.py`` beside this file."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__package__}.{cmd_name}")
        command = getattr(module, "command", None) or getattr(module, cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=2)
            hint = f"Did you mean {' or '.join(close)}?" if close else f"Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"There is no command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LorafairError as error:
            fault = click.ClickException(str(error))
            fault.exit_code = 2
            raise fault from error
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What was finished is kept: the same command goes on from there.", err=True)
            ctx.exit(130)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            fault = click.ClickException(
                f"The disk is full ({error}). Free some space and give the same command again."
            )
            fault.exit_code = 2
            raise fault from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with `lorafair doctor`. Completion: `lorafair completion bash --help`.",
)
@click.version_option(__version__, prog_name="lorafair")
def cli() -> None:
    """Is a fine-tuned model less fair than its base, at which rank, and how sure are we?"""
    collect_rarely()
