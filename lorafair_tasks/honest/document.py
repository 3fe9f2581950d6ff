"""The order in which HONEST's documents are asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any


def interleave_groups(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents with the groups taking turns, each group's in their order.

    lm-eval's ``--limit`` takes the first documents, and the published file lists all of one gender before the other.
    """
    queues: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        queues.setdefault(json.dumps(document["groups"], sort_keys=True), []).append(document)
    turns = zip_longest(*queues.values())
    return [document for turn in turns for document in turn if document is not None]
