"""How often Python looks for garbage that holds itself."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000


def collect_rarely() -> None:
    """Let Python look for cyclic garbage after 50,000 new objects instead of 700, for the rest of the process.

    The libraries of an engine make millions of objects that stay, and looking through them again and again is a good
    part of their imports' time.  For processes that are ours alone: the command line and an engine's child.
    """
    gc.set_threshold(NEW_OBJECTS, 20, 20)


@contextmanager
def collect_later() -> Iterator[None]:
    """Let Python look for no cyclic garbage inside the block, which makes many objects that stay until it ends.

    Samples, documents and requests hold nothing that holds them; looking through all of them again and again while
    their number grows finds nothing.  What a block leaves is found afterwards.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def skip_last_collection() -> None:
    """Let Python not look through all objects once more when the process ends: its memory goes as a whole.

    For commands that hold many records and nothing that has to be closed.
    """
    atexit.register(gc.freeze)
