"""What is seen of a running training loop: a rich bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from types import TracebackType

from lorafair.process import is_first

QUIET_SECONDS = 30.0


class Progress:
    """Shows steps, loss and remaining time on standard error; use as a context manager.

    Args:
        label: of the run, e.g. ``lora-r8``.
    """

    def __init__(self, label: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.label = label
        self.console = Console(stderr=True, quiet=not is_first(), highlight=False, markup=False, soft_wrap=True)
        columns = ("[bold]{task.description}", "loss {task.fields[loss]}")
        self._bar = Bar(
            TextColumn(columns[0]),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(columns[1]),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task(label, total=None, loss="-")
        self._started = self._told = time.monotonic()

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, step: int, steps: int, loss: float | None) -> None:
        """Move to ``step`` of ``steps``; ``loss`` (nats per completion token) is kept when None."""
        self._bar.update(self._task, completed=step, total=steps)
        if loss is not None:
            self._bar.update(self._task, loss=f"{loss:.3f}")
        if not self.console.is_terminal and time.monotonic() - self._told > QUIET_SECONDS:
            self._told = time.monotonic()
            self.say(f"step {step} of {steps}")

    def say(self, text: str) -> None:
        """Print one line that stays, with the run's label in front."""
        self.console.print(f"{self.label}: {text}")

    def seconds(self) -> float:
        """Wall time since this object was made."""
        return time.monotonic() - self._started


def say_once(label: str, text: str) -> None:
    """Print one line on standard error before a loop begins, with the run's label in front."""
    from rich.console import Console

    Console(stderr=True, quiet=not is_first(), highlight=False, markup=False, soft_wrap=True).print(f"{label}: {text}")
