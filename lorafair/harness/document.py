"""What lm-eval does with each document: once for all checkpoints, and not at all where it comes to nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
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


WRITTEN_AS_TEXT = ("resps", "filtered_resps", "target")
PLAIN = frozenset((str, float, int, bool, type(None)))


def holds_picture(value: Any) -> bool:
    """Whether there are bytes or a PIL image anywhere in a value: what lm-eval replaces by a hash."""
    kind = type(value)
    if kind in PLAIN:
        return False
    if isinstance(value, dict):
        return any(map(holds_picture, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_picture, value))
    return isinstance(value, bytes | bytearray) or any(each.__module__ == "PIL.Image" for each in kind.__mro__)


def _as_plain(value: Any) -> Any:
    """A copy in which dictionaries, lists and tuples are of just these types, as in lm-eval's own copy."""
    if isinstance(value, dict):
        return {key: _as_plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_plain(each) for each in value]
    return tuple(map(_as_plain, value)) if isinstance(value, tuple) else value


def _skip_others(hash_pictures: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """lm-eval's copy of all samples with hashes for pictures, made of those that hold any.

    Of the others only what lm-eval writes as text afterwards is copied: there the type shows.
    """

    def hash_one(sample: Any) -> Any:
        if holds_picture(sample):
            return hash_pictures({"sample": sample})["sample"]
        return sample | {key: _as_plain(sample[key]) for key in WRITTEN_AS_TEXT if key in sample}

    return lambda samples: {task: [hash_one(each) for each in mine] for task, mine in samples.items()}


@contextmanager
def remember_documents(known: Documents) -> Iterator[None]:
    """Let lm-eval's ``evaluate`` write each document as indented JSON once, and copy only samples that hold pictures.

    Otherwise it does the first for each checkpoint and the second for every value of every sample: together most of
    its own time.  What it writes stays the same.

    Args:
        known: filled here; of documents that stay the same while it is kept.
    """
    from lm_eval import evaluator

    before = getattr(evaluator, "json", None)
    if before is not json or not hasattr(
        evaluator, "hash_dict_images"
    ):  # another version, or somebody else's: leave it
        yield
        return
    hash_pictures = evaluator.hash_dict_images
    evaluator.json, evaluator.hash_dict_images = _Remembering(known), _skip_others(hash_pictures)
    try:
        yield
    finally:
        evaluator.json, evaluator.hash_dict_images = before, hash_pictures
