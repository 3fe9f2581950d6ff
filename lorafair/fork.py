"""Work shared out to forks of this process, where there is much of it and the system has forks (Linux).

A fork sees all that this process holds without a copy, and sends back what it made.  Nothing depends on it: what a fork
did not do, because it failed or was killed, is done here.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 8
"""Processes, however many cores there are: each holds resamples of its own."""
_ITEMS = 8000  # whose numbers, of four bytes, a pipe holds without a reader


def count_processes() -> int:
    """How many processes may share work here: as many as there are cores for this one, 1 where it cannot be forked."""
    alone = sys.platform != "linux" or threading.active_count() > 1 or threading.current_thread().name != "MainThread"
    return 1 if alone else min(MOST, len(os.sched_getaffinity(0)))


def share_work(
    work: Callable[[int], T], weights: Sequence[float], *, least: float, alone: Collection[int] = ()
) -> list[T]:
    """``[work(0), work(1), ...]``, each item made by this process or by one of its forks, whichever is free first.

    Args:
        work: makes an item from its number; what it gives can be pickled, what it changes in memory is lost.
        weights: of the items, about as their times.
        least: nothing is shared where all items together weigh less.
        alone: numbers of items that this process makes, as of plugins, which answer to one process only.

    Raises:
        Exception: what ``work`` raises.
    """
    shared = [item for item in range(len(weights)) if item not in set(alone)]
    processes = min(count_processes(), len(shared))
    found: dict[int, T] = {}
    if processes > 1 and len(shared) <= _ITEMS and sum(weights) >= least:
        found = _share(work, sorted(shared, key=lambda item: -weights[item]), processes)
    return [found[item] if item in found else work(item) for item in range(len(weights))]


def _share(work: Callable[[int], T], items: Sequence[int], processes: int) -> dict[int, T]:
    """The items by their numbers, without those that forks failed on."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    context, take, give = get_context("fork"), *os.pipe()
    found: dict[int, T] = {}
    forks: list[tuple[Any, Connection]] = []
    collects = gc.isenabled()
    gc.disable()  # here and in the forks: what they share is not looked through, and so not copied
    try:
        os.write(give, b"".join(item.to_bytes(4, "little") for item in items))
        os.close(give)
        with threadpool_limits(1):  # a core for each process: two threads each would wait for one another
            for _ in range(processes - 1):
                ours, theirs = context.Pipe(duplex=False)
                fork = context.Process(target=_serve, args=(work, take, theirs), daemon=True)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # of threads: those of BLAS wait for work
                    fork.start()
                theirs.close()
                forks.append((fork, ours))
            for item in _take(take):
                found[item] = work(item)
        for _, ours in forks:
            with contextlib.suppress(Exception):  # killed, or what it made cannot be sent
                found |= ours.recv()
    finally:
        if collects:
            gc.enable()
        os.close(take)
        for fork, ours in forks:
            ours.close()
            fork.terminate()
            fork.join()
    return found


def _take(items: int) -> Iterator[int]:
    """Numbers from a pipe that several processes read; each gets every number that no other got."""
    while told := os.read(items, 4):
        yield int.from_bytes(told, "little")


def _serve(work: Callable[[int], Any], items: int, out: Connection) -> None:
    """What a fork does: items until none is left, then all it made at once; it says nothing of what it failed on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    found = {}
    with contextlib.suppress(Exception):
        for item in _take(items):
            found[item] = work(item)
    with contextlib.suppress(Exception):
        out.send(found)
