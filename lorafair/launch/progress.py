"""What is seen of an audit on a cluster: one bar and what runs where on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

SHOWN = 8
"""At most so many running tasks are named."""


class LaunchProgress:
    """A context manager that shows on standard error how many of ``total`` tasks are done, and which run where.

    Args:
        console: a rich console to write to; standard error by default.
    """

    def __init__(self, total: int, console: Any = None) -> None:
        self._total, self._console = total, console
        self._bars: Any = None

    def __enter__(self) -> LaunchProgress:
        from rich.console import Console

        self._console = self._console or Console(stderr=True)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = [TextColumn("{task.description}"), BarColumn(bar_width=16), MofNCompleteColumn()]
            self._bars = Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)
            self._bars.start()
            self._overall = self._bars.add_task("tasks", total=self._total)
            self._named: list[Any] = []
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, done: int, running: Sequence[str]) -> None:
        """``done`` tasks are done, ``running`` says of the others what they are and where."""
        if self._bars is None:
            return
        from rich.markup import escape

        self._bars.update(self._overall, completed=done)
        for row in self._named:
            self._bars.remove_task(row)
        more = [f"and {len(running) - SHOWN} more"] if len(running) > SHOWN else []
        self._named = [self._bars.add_task(escape(plain(text)), total=None) for text in [*running[:SHOWN], *more]]

    def note(self, text: str) -> None:
        """Write a line (above the bar, where there is one)."""
        for line in text.splitlines() or [""]:
            if self._bars is not None:
                self._console.print(plain(line), markup=False, highlight=False, soft_wrap=True)
            else:
                print(plain(line), file=sys.stderr if self._console is None else self._console.file, flush=True)


def plain(text: str) -> str:
    """Text without control characters, which could move the cursor or change colours."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
