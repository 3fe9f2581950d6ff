"""Finding and loading lm-eval tasks: the registry's by their packages, lm-eval's own by the folder that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry import load_registry
from lorafair.registry_layer import find_local_folder, open_folder
from lorafair.task_index import find_builtin_folders, find_builtin_root, list_builtin_names, read_names
from lorafair.task_package import find_task_package


def find_task_folders(names: Sequence[str]) -> list[Path]:
    """The folders whose YAML files define the named tasks, groups or tags; nothing is imported.

    Raises:
        LorafairError: one message with every name that neither the registry nor lm-eval knows.
    """
    registry = load_registry()
    # lm-eval lets a later folder override an earlier one: its own come first, those of tasks that are asked for last.
    entries = sorted(registry.entries("task"), key=lambda entry: entry.name in names)
    folders: dict[Path, None] = {}
    for folder in filter(None, map(find_task_package, entries)):
        folders.pop(folder, None)
        folders[folder] = None
    known = set(registry.names("task")) | {name for folder in folders for name in read_names(folder)}
    built_in: dict[Path, None] = {}
    faults = []
    for name in names:
        if name in known:
            continue
        if found := find_builtin_folders(name):
            built_in |= dict.fromkeys(found)
            continue
        if find_builtin_root() is None:
            raise LorafairError("lm-eval is not installed. Install it with `pip install lm-eval==0.4.13`.")
        note = f" ({registry.note})" if registry.note else ""
        hint = did_you_mean(name, known | set(list_builtin_names()))
        faults.append(f"There is no task {name!r}.{hint} `lorafair tasks list` shows ours.{note}")
    raise_faults("The tasks cannot be loaded", faults)
    return [*built_in, *folders]


def load_tasks(names: Sequence[str], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """lm-eval's task dictionary (``tasks``, ``groups``, …) for the named tasks.

    Args:
        names: tasks, groups or tags, of the registry or of lm-eval.
        metadata: merged into each task's ``config.metadata``, as lm-eval's ``--metadata``.

    Raises:
        LorafairError: for unknown names, and for whatever a task finds missing while it loads, naming the task.
    """
    folders = find_task_folders(names)
    registry = load_registry()
    asked = set(names)
    for entry in registry.entries("task"):
        local, folder = find_local_folder(entry), find_task_package(entry)
        if local and (entry.name in asked or (folder and asked & read_names(folder))):
            open_folder(local)  # for hooks that its YAML names by module
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=[str(f) for f in folders], include_defaults=False, metadata=dict(metadata))
    missing = [name for name in names if name not in manager.task_index]
    if missing:
        raise LorafairError(
            f"lm-eval could not read the YAML of {', '.join(missing)}. "
            f"`lorafair plugins check {' '.join(missing)}` says what is wrong with it."
        )
    try:
        loaded: dict[str, Any] = manager.load(list(names))
    except LorafairError:
        raise
    except Exception as error:  # a task may raise anything while it loads its data
        raise LorafairError(
            f"The tasks {', '.join(names)} could not be loaded: {type(error).__name__}: {error}\n"
            "Where a data set is to come from the Hub, check the network, or set LORAFAIR_DATA to a folder with it."
        ) from error
    return loaded
