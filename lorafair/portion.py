"""A part of a task's documents, as lm-eval evaluates one: renumbered from 0, and known again by their own numbers."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Portion = Mapping[str, Sequence[int]]
"""Task -> the numbers of its documents, in rising order; a task with none of them is left out."""


@contextmanager
def narrow(tasks: dict[str, Any], portion: Portion) -> Iterator[dict[str, Any]]:
    """lm-eval's task dictionary with these tasks only, which hold for a while the requests of these documents only."""
    kept = {name: task for name, task in tasks["tasks"].items() if portion.get(name)}
    whole = {name: task._instances for name, task in kept.items()}
    try:
        for name, task in kept.items():
            place = {number: k for k, number in enumerate(portion[name])}
            task._instances = [_renumber(i, place[i.doc_id]) for i in whole[name] if i.doc_id in place]
        yield {**tasks, "tasks": kept} if len(kept) == len(tasks["tasks"]) else {"tasks": kept, "groups": {}}
    finally:
        for name, task in kept.items():
            task._instances = whole[name]


def restore(requests: Sequence[Any], portion: Portion) -> list[Any]:
    """lm-eval's requests of a portion under the documents' own numbers; repeats stay the same object."""
    twins = {id(one): one for one in requests}
    own = {key: _renumber(one, portion[one.task_name][one.doc_id]) for key, one in twins.items()}
    return [own[id(one)] for one in requests]


def _renumber(instance: Any, number: int) -> Any:
    twin = copy.copy(instance)
    twin.doc_id, twin.resps, twin.filtered_resps = number, [], {}
    return twin
