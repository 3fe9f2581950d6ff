"""What lm-eval does with each document: once for all checkpoints, and not at all where it comes to nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

ENCODE = json.encoder.encode_basestring


@dataclass
class Documents:
    """What is known of documents, by the document's ``id``, with the document itself so that it stays that one.

    ``texts``: as indented JSON.  ``pictures``: whether there are any in it.
    """

    texts: dict[int, tuple[Any, str]] = field(default_factory=dict)
    pictures: dict[int, tuple[Any, bool]] = field(default_factory=dict)

    def hold_picture(self, document: Any) -> bool:
        """As :func:`holds_picture`, looked for once."""
        found = self.pictures.get(id(document))
        if found is None or found[0] is not document:
            found = self.pictures[id(document)] = document, holds_picture(document)
        return found[1]


class _Remembering:
    """The json module as lm-eval's evaluator sees it."""

    def __init__(self, known: Documents) -> None:
        self._known = known.texts

    def __getattr__(self, name: str) -> Any:
        return getattr(json, name)

    def dumps(self, value: Any, **settings: Any) -> str:
        found = self._known.get(id(value))
        if found is None or found[0] is not value:
            text = write_indented(value) if settings.get("indent") == 2 and not settings.get("ensure_ascii") else None
            found = self._known[id(value)] = value, json.dumps(value, **settings) if text is None else text
        return found[1]


def write_indented(value: Any, pad: str = "\n") -> str | None:
    """``json.dumps(value, indent=2, ensure_ascii=False)``, several times faster; None where it is not that simple.

    Args:
        pad: a new line and the spaces that this value's closing bracket stands after.
    """
    kind = type(value)
    if kind is str:
        return ENCODE(value)
    if kind is int:
        return int.__repr__(value)
    if value is None or kind is bool:
        return "null" if value is None else "true" if value else "false"
    if kind is float:
        return float.__repr__(value) if isfinite(value) else None
    inner = pad + "  "
    if kind is dict:
        parts = [write_indented(each, inner) for each in value.values()]
        if any(type(key) is not str for key in value) or None in parts:
            return None
        pairs = [f"{ENCODE(key)}: {part}" for key, part in zip(value, parts, strict=True)]
        return f"{{{inner}{(',' + inner).join(pairs)}{pad}}}" if pairs else "{}"
    if kind is list or kind is tuple:
        items = [write_indented(each, inner) for each in value]
        if None in items:
            return None
        return f"[{inner}{(',' + inner).join(map(str, items))}{pad}]" if items else "[]"
    return None


WRITTEN_AS_TEXT = ("resps", "filtered_resps", "target")
PLAIN = frozenset((str, float, int, bool, type(None)))


def holds_picture(value: Any) -> bool:
    """Whether there are bytes or a PIL image anywhere in a value: what lm-eval replaces by a hash."""
    if type(value) in PLAIN:
        return False
    if isinstance(value, dict | list | tuple):
        inside = value.values() if isinstance(value, dict) else value
        return not PLAIN.issuperset(map(type, inside)) and any(map(holds_picture, inside))
    return isinstance(value, bytes | bytearray) or any(each.__module__ == "PIL.Image" for each in type(value).__mro__)


def _as_plain(value: Any) -> Any:
    """A copy in which dictionaries, lists and tuples are of just these types, as in lm-eval's own copy."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, dict):
        return {key: _as_plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_plain(each) for each in value]
    return tuple(map(_as_plain, value)) if isinstance(value, tuple) else value


def _skip_others(hash_pictures: Callable[[Any], Any], known: Documents) -> Callable[[Any], Any]:
    """lm-eval's copy of all samples with hashes for pictures, made of those that hold any.

    Of the others only what lm-eval writes as text afterwards is copied: there the type shows.
    """

    def hash_one(sample: Any) -> Any:
        document = sample.get("doc")
        others = [each for each in sample.values() if type(each) not in PLAIN and each is not document]
        if known.hold_picture(document) or any(map(holds_picture, others)):
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
    evaluator.json, evaluator.hash_dict_images = _Remembering(known), _skip_others(hash_pictures, known)
    try:
        yield
    finally:
        evaluator.json, evaluator.hash_dict_images = before, hash_pictures
