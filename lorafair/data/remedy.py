"""What a user can do where a data set's files are missing or wrong: the end of such a message."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile
from pathlib import Path

from lorafair.registry import Entry, load_registry
from lorafair.registry_layer import find_local_folder


def find_beside(entry: Entry) -> Path | None:
    """The folder of a user's own registry file, if the data set's files lie there: they are nowhere to be fetched."""
    files = (entry.fields.get("files") or {}).values()
    fetched = entry.fields.get("hub") or any("url" in facts for facts in files)
    return None if fetched else find_local_folder(entry)


def suggest_remedy(entry: Entry) -> str:
    """The folder to set, the command that fetches, and the sample task that needs no data, as far as each is there."""
    if entry.fields.get("sample"):
        return "Reinstall lorafair: its own sample files are damaged."
    if find_beside(entry):
        return f"Put it there, or mend {entry.file}:{entry.line}."
    files = entry.fields.get("files") or {}
    ways = [
        f"Set LORAFAIR_DATA to a folder that holds {', '.join(facts['path'] for facts in files.values())} "
        f"({entry.description})"
    ]
    if all(facts.get("hub") or facts.get("url") for facts in files.values()):
        where = f"from {entry.fields['hub']} on the Hub" if entry.fields.get("hub") else "from where it was published"
        ways.append(f"fetch it {where} with `lorafair data pull {entry.name}`")
    if samples := find_sample_tasks(entry.name):
        ways.append(f"use the task {' or '.join(samples)}, which needs no download")
    return f"{', '.join(ways[:-1])}{', or ' if len(ways) > 1 else ''}{ways[-1]}."


def find_sample_tasks(dataset: str) -> list[str]:
    """The sample tasks that stand for those which read a data set, the one that stands for most of them first.

    A sample task reads the project's own sample sets only.  It stands for a task whose name is its own without
    ``_sample``, or begins with that (``…winomt_sample`` for ``…winomt_es``), the longest such name; for a data set that
    no task names, for tasks with a data set whose name begins alike for the longest (``winomt_tr_pro`` and
    ``winomt_tr_general``).
    """
    registry = load_registry()
    sets = {entry.name: entry for entry in registry.entries("dataset")}
    tasks = {entry.name: list(map(str, entry.fields.get("datasets", ()))) for entry in registry.entries("task")}
    samples = [
        name for name, read in tasks.items() if read and all(each in sets and _is_sample(sets[each]) for each in read)
    ]
    readers = [name for name, read in tasks.items() if dataset in read]
    if not readers:
        alike = {name: max((_count_alike(dataset, each) for each in read), default=0) for name, read in tasks.items()}
        most = max(alike.values(), default=0)
        readers = [name for name, count in alike.items() if count == most > 0]
    stems = {name: name.removesuffix("_sample") for name in samples}
    fitting = [[s for s in samples if name == stems[s] or name.startswith(f"{stems[s]}_")] for name in readers]
    closest = Counter(max(each, key=lambda s: len(stems[s])) for each in fitting if each)
    return sorted(closest, key=lambda name: (-closest[name], len(name), name))


def _is_sample(entry: Entry) -> bool:
    return bool(entry.fields.get("sample"))


def _count_alike(one: str, other: str) -> int:
    """How many words two names begin with in common."""
    pairs = zip(one.split("_"), other.split("_"), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
