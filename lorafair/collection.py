"""How often Python looks for garbage that holds itself."""

import gc

NEW_OBJECTS = 50_000


def collect_rarely() -> None:
    """Let Python look for cyclic garbage after 50,000 new objects instead of 700, for the rest of the process.

    The libraries of an engine make millions of objects that stay, and looking through them again and again is a good
    part of their imports' time.  For processes that are ours alone: the command line and an engine's child.
    """
    gc.set_threshold(NEW_OBJECTS, 20, 20)
