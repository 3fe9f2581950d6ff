"""What a plugin did wrong, told by its name and its distribution."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lorafair.errors import LorafairError
from lorafair.registry_layer import describe_origin

if TYPE_CHECKING:
    from lorafair.registry import Entry


@contextmanager
def blame_plugin(entry: Entry, doing: str = "") -> Iterator[None]:
    """Turn whatever a plugin raises into one message that names it; faults that it tells itself pass.

    Args:
        entry: of the plugin that is called inside.
        doing: what it was called for, as in ``on lora-r8``.

    Raises:
        LorafairError: with kind, name, target, distribution, the error, and the line that it came from.
    """
    try:
        yield
    except LorafairError:
        raise
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise LorafairError(
            f"The {describe_plugin(entry)} failed{f' {doing}' if doing else ''}: {type(error).__name__}: {error} "
            f"({last.filename}:{last.lineno}). Mend it, or leave it out."
        ) from error


def describe_plugin(entry: Entry) -> str:
    """A plugin in the middle of a sentence: kind, name, target, distribution and version."""
    return f"{entry.kind} {entry.name!r} ({entry.target}, from {describe_origin(entry)})"
