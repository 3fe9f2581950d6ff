"""lm-eval's text of each document, of which it writes the hash beside every sample, made once for all checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Documents = dict[int, tuple[Any, str]]
"""The text of each document by the document's ``id``, with the document itself so that it stays that one."""


class _Remembering:
    """The json module as lm-eval's evaluator sees it."""

    def __init__(self, known: Documents) -> None:
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return getattr(json, name)

    def dumps(self, value: Any, **settings: Any) -> str:
        found = self._known.get(id(value))
        if found is None or found[0] is not value:
            found = self._known[id(value)] = value, json.dumps(value, **settings)
        return found[1]


@contextmanager
def remember_documents(known: Documents) -> Iterator[None]:
    """Let lm-eval's ``evaluate`` write each document as indented JSON once, which is a quarter of its own time.

    Args:
        known: filled here; of documents that stay the same while it is kept.
    """
    from lm_eval import evaluator

    before = getattr(evaluator, "json", None)
    if before is not json:  # another version, or somebody else's: leave it
        yield
        return
    evaluator.json = _Remembering(known)
    try:
        yield
    finally:
        evaluator.json = before
