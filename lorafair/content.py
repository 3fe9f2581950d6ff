"""Samples files read one after the other, each while the one before it is worked on."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

AHEAD = 3
"""Files that are held while one is worked on."""
SMALL = 262_144
"""Bytes of a samples file below which reading it is as fast as reading its copy."""
Content = tuple[bytes, bytes | None]
"""A file's bytes, and their SHA-256 where there may be a copy of its columns."""


@contextlib.contextmanager
def read_ahead(paths: Sequence[Path]) -> Iterator[Callable[[Path], Content]]:
    """:func:`read_content` for files that are asked for in this order, by a thread that ends with the block."""
    waiting: dict[Path, Future[Content]] = {}
    left = iter(paths)
    with ThreadPoolExecutor(1) as pool:

        def read(path: Path) -> Content:
            for one in islice(left, max(0, AHEAD - len(waiting))):
                waiting[one] = pool.submit(read_content, one)
            known = waiting.pop(path, None)
            return read_content(path) if known is None else known.result()

        try:
            yield read
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def read_content(path: Path) -> Content:
    """A file's content.

    Raises:
        OSError: if the file cannot be read.
    """
    data = path.read_bytes()
    copied = len(data) >= SMALL and os.environ.get("LORAFAIR_COPIES") != "0"
    return data, hashlib.sha256(data).digest() if copied else None
