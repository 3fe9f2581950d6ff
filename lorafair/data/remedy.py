"""What a user can do where a data set's files are missing or wrong: the end of such a message."""

from __future__ import annotations

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
        ways.append(f"use the task {samples[0]}, which needs no download")
    return f"{', '.join(ways[:-1])}{', or ' if len(ways) > 1 else ''}{ways[-1]}."


def find_sample_tasks(dataset: str) -> list[str]:
    """The sample tasks that stand for those which read a data set, closest name first.

    A sample task reads the project's own sample sets only.  It stands for a task whose name is its own without
    ``_sample``, or begins with that (``…winomt_sample`` for ``…winomt_es``); for a data set that no task names, for
    tasks whose data sets' names begin alike (``honest_binary_it`` and ``honest_binary_en``).
    """
    registry = load_registry()
    sets = {entry.name: entry for entry in registry.entries("dataset")}
    tasks = {entry.name: list(map(str, entry.fields.get("datasets", ()))) for entry in registry.entries("task")}
    samples = [
        name for name, read in tasks.items() if read and all(each in sets and _is_sample(sets[each]) for each in read)
    ]
    readers = [name for name, read in tasks.items() if dataset in read]
    if not readers:
        family = dataset.partition("_")[0]
        readers = [name for name, read in tasks.items() if any(each.partition("_")[0] == family for each in read)]
    stems = {name: name.removesuffix("_sample") for name in samples}
    fitting = {s for s in samples for name in readers if name == stems[s] or name.startswith(f"{stems[s]}_")}
    return sorted(fitting, key=lambda name: (-len(stems[name]), name))


def _is_sample(entry: Entry) -> bool:
    return bool(entry.fields.get("sample"))
