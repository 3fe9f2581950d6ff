"""HONEST's documents as lm-eval wants them, and their groups."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any


class Documents(list[dict[str, Any]]):
    """Documents in a list, with the attribute that lm-eval expects of a data set."""

    features: Mapping[str, Any] = {}


def interleave_groups(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents with the groups taking turns, each group's in their order.

    lm-eval's ``--limit`` takes the first documents, and the published file lists all of one gender before the other.
    """
    queues: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        queues.setdefault(json.dumps(document["groups"], sort_keys=True), []).append(document)
    turns = zip_longest(*queues.values())
    return [document for turn in turns for document in turn if document is not None]


def collect_groups(documents: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """``{attribute: names}`` over all documents, both sorted."""
    found: dict[str, set[str]] = {}
    for document in documents:
        for attribute, groups in document["groups"].items():
            found.setdefault(attribute, set()).update(groups)
    return {attribute: sorted(groups) for attribute, groups in sorted(found.items())}
