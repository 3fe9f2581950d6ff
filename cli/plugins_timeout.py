"""The option ``--plugin-timeout`` of the commands that ask other distributions' scorers and metrics."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from lorafair.isolation import VARIABLE


def add_plugin_timeout(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option, which sets LORAFAIR_PLUGIN_TIMEOUT while the command runs."""
    return click.option(
        "--plugin-timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        expose_value=False,
        callback=_set,
        help=f"Time limit of another distribution's scorer or metric, per batch; default: {VARIABLE}, else 600.",
    )(command)


def _set(context: click.Context, _: click.Parameter, seconds: float | None) -> None:
    if seconds is not None:
        before = os.environ.get(VARIABLE)
        context.call_on_close(
            lambda: os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})
        )
        os.environ[VARIABLE] = f"{seconds:g}"
