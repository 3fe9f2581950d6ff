"""What a user is told when something of theirs has to be mended."""

from __future__ import annotations

from collections.abc import Iterable


class LorafairError(Exception):
    """A fault that the user can mend.

    The message says what is wrong, where, and the command or edit that mends it.  Only ``cli/main.py`` turns it
    into output (exit code 2); library users catch it like any exception.
    """


class DivergedError(LorafairError):
    """Training ended because a loss or a weight was no finite number any more: the learning rate was too high."""


def raise_faults(title: str, faults: Iterable[str]) -> None:
    """Raise one :class:`LorafairError` that lists every fault, or return if there is none.

    Args:
        title: what was being read, for the first line.
        faults: one complete sentence or two per fault, each naming its place and its mend.

    Raises:
        LorafairError: if ``faults`` is not empty.
    """
    found = list(faults)
    if found:
        raise LorafairError("\n".join([f"{title}:", *(f"  - {fault}" for fault in found)]))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known names, or all of them if few, or nothing."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f" Did you mean {' or '.join(repr(c) for c in close)}?"
    return f" Known: {', '.join(names)}." if 0 < len(names) <= 20 else ""
