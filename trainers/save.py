"""Saves during training, to go on after an interruption: which are whole, when to take one, and how to stop cleanly."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_SECONDS = 300.0
WHOLE = "whole"  # the empty file that is written into a save after everything else


def find_last_save(folder: Path) -> Path | None:
    """The save with the highest step that was written to its end, or None; half-written ones are passed over."""
    found = {}
    for path in folder.glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        if step.isdigit() and (path / WHOLE).exists():
            found[int(step)] = path
    return found[max(found)] if found else None


def mark_whole(save: Path) -> None:
    """Declare a save complete, once its bytes are on disk."""
    for path in save.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    (save / WHOLE).touch()


class Clock:
    """When a save is due: every ``steps`` steps, or without that every five minutes."""

    def __init__(self, steps: int | None) -> None:
        self._steps = steps
        self._last = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Whether to save after ``step`` (counted from 1)."""
        if self._steps:
            return step % self._steps == 0
        if time.monotonic() - self._last < EVERY_SECONDS:
            return False
        self._last = time.monotonic()
        return True


@contextmanager
def hold_interrupt(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event to look at between steps; a second one interrupts at once.

    Outside the main thread, where Python delivers no signals, and where Ctrl-C is ignored (``nohup``), the event never
    comes.
    """
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield asked
        return

    def note(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say("stopping after this step and saving; Ctrl-C again stops at once")

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
