"""Samples files read one after the other, the next ones while one is worked on."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
AHEAD = 3
"""Files that are held while one is worked on."""
SMALL = 262_144
"""Bytes of a samples file below which reading it is as fast as reading its copy."""
Content = tuple[bytes, bytes | None]
"""A file's bytes, and their SHA-256 where there may be a copy of its columns."""


@contextlib.contextmanager
def read_ahead(paths: Sequence[Path], read: Callable[[Path], T]) -> Iterator[Callable[[Path], T]]:
    """``read`` for files that are asked for in this order, by two threads that end with the block.

    Args:
        paths: of the files; others may be asked for too, and are then read here.
        read: such as :func:`read_content`; what it raises comes to who asks for the file.
    """
    waiting: dict[Path, Future[T]] = {}
    left = iter(paths)
    with ThreadPoolExecutor(2) as pool:

        def take(path: Path) -> T:
            for one in islice(left, max(0, AHEAD - len(waiting))):
                waiting[one] = pool.submit(read, one)
            known = waiting.pop(path, None)
            return read(path) if known is None else known.result()

        try:
            yield take
        finally:
            pool.shutdown(cancel_futures=True)


def read_content(path: Path) -> Content:
    """A file's content.

    Raises:
        OSError: if the file cannot be read.
    """
    data = path.read_bytes()
    copied = len(data) >= SMALL and os.environ.get("LORAFAIR_COPIES") != "0"
    return data, hashlib.sha256(data).digest() if copied else None
