"""What is seen of an audit while it asks: bars on a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from lorafair.responses.request import Request
from lorafair.responses.time_left import TimeLeft

ROWS = 6
"""At most so many (checkpoint, task) pairs are shown at once: the ones that were answered last."""
PAUSE = 30.0
"""Seconds between two lines where there is no terminal."""


class AskingProgress:
    """A context manager that shows how far asking is, on standard error.

    On a terminal: one bar for everything, with the checkpoints done and the time left, and below it one bar for each
    (checkpoint, task) that is being asked, which goes when it is done. Elsewhere: a line every half minute at most.

    Args:
        requests: everything that the run needs.
        missing: those of them that are asked now.
        console: a rich console to write to; standard error by default.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        missing: Sequence[Request],
        console: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._totals = Counter(map(_pair, requests))
        self._left = Counter(map(_pair, missing))
        self._kinds = Counter((request.checkpoint, request.kind) for request in missing)
        self._checkpoints = Counter(request.checkpoint for request in missing)
        self._wanted = len({request.checkpoint for request in requests})
        self._unfinished = len(self._checkpoints)
        self._asked, self._total = len(requests) - len(missing), len(requests)
        self._clock = clock
        self._time_left = TimeLeft(Counter(request.kind for request in missing), clock)
        self._said = clock()
        self._console = console
        self._bars: Any = None
        self._rows: dict[tuple[str, str], Any] = {}  # oldest first

    def __enter__(self) -> AskingProgress:
        from rich.console import Console

        self._console = self._console or Console(stderr=True)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._bars = _make_bars(self._console)
            self._bars.start()
            self._overall = self._bars.add_task("", total=self._total, completed=self._asked)
            self._show()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            for row in self._rows.values():
                self._bars.remove_task(row)
            self._bars.stop()

    def advance(self, request: Request) -> None:
        """``request``, one of those that were missing, was answered just now."""
        if not self._checkpoints[request.checkpoint]:
            return
        self._asked += 1
        self._time_left.advance(request.kind)
        self._kinds[request.checkpoint, request.kind] -= 1
        self._checkpoints[request.checkpoint] -= 1
        self._unfinished -= not self._checkpoints[request.checkpoint]
        pair = _pair(request)
        self._left[pair] -= 1
        if self._bars is not None:
            self._show_row(pair)
        self._show()

    def drop(self, checkpoint: str) -> None:
        """The rest of what this checkpoint was to be asked is given up: it no longer counts."""
        for (label, kind), count in self._kinds.items():
            if label == checkpoint:
                self._time_left.drop(kind, count)
        given_up = self._checkpoints.pop(checkpoint, 0)
        self._kinds = Counter({key: count for key, count in self._kinds.items() if key[0] != checkpoint})
        if given_up:
            self._unfinished -= 1
            self._wanted -= 1
            self._total -= given_up
        for pair in [pair for pair in self._rows if pair[0] == checkpoint]:
            self._bars.remove_task(self._rows.pop(pair))
        self._show()

    def note(self, text: str) -> None:
        """Write a line (above the bars, where there are any)."""
        if self._bars is not None:
            self._console.print(_plain(text), markup=False, highlight=False, soft_wrap=True)
        else:
            self._write(text)

    def __str__(self) -> str:
        return f"asked {self._asked} of {self._total} requests, {self._count_checkpoints(' done')}"

    def _count_checkpoints(self, done: str = "") -> str:
        text = f"{self._wanted - self._unfinished} of {self._wanted} checkpoints{done}"
        return f"{text}, {self._time_left}" if self._unfinished else text

    def _show(self) -> None:
        if self._bars is not None:
            text = self._count_checkpoints()
            self._bars.update(self._overall, completed=self._asked, total=self._total, description=text)
        elif self._clock() - self._said >= PAUSE:
            self._said = self._clock()
            self._write(str(self))

    def _show_row(self, pair: tuple[str, str]) -> None:
        from rich.markup import escape

        row = self._rows.pop(pair, None)
        if not self._left[pair]:
            if row is not None:
                self._bars.remove_task(row)
            return
        if row is None:
            row = self._bars.add_task(escape(_plain(" ".join(pair))), total=self._totals[pair])
        self._bars.update(row, completed=self._totals[pair] - self._left[pair])
        self._rows[pair] = row
        while len(self._rows) > ROWS:
            oldest = next(iter(self._rows))
            self._bars.remove_task(self._rows.pop(oldest))

    def _write(self, text: str) -> None:
        file = sys.stderr if self._console is None else self._console.file
        print(_plain(text), file=file, flush=True)


def _make_bars(console: Any) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column

    name = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    columns = [TextColumn("{task.description}", table_column=name), BarColumn(bar_width=16), MofNCompleteColumn()]
    return Progress(*columns, console=console, expand=True)


def _pair(request: Request) -> tuple[str, str]:
    return request.checkpoint, request.task or request.kind


def _plain(text: str) -> str:
    """Text without control characters, which could move the cursor or change colours."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
