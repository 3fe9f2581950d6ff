"""Finding and loading lm-eval tasks: the registry's by their packages, lm-eval's own by the folder that holds them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry import load_registry
from lorafair.registry_layer import find_local_folder, open_folder
from lorafair.task_package import find_task_package


def find_task_folders(names: Sequence[str]) -> list[Path]:
    """The folders whose YAML files define the named tasks, groups or tags; nothing is imported.

    Raises:
        LorafairError: one message with every name that neither the registry nor lm-eval knows.
    """
    registry = load_registry()
    # lm-eval lets a later folder override an earlier one: those of the tasks that are asked for come last.
    entries = sorted(registry.entries("task"), key=lambda entry: entry.name in names)
    folders: dict[Path, None] = {}
    for folder in filter(None, map(find_task_package, entries)):
        folders.pop(folder, None)
        folders[folder] = None
    known = set(registry.names("task")) | {name for folder in folders for name in _names_in(folder)}
    faults = []
    for name in names:
        if name in known:
            continue
        found = _find_in_lm_eval(name)
        if found is None:
            note = f" ({registry.note})" if registry.note else ""
            hint = did_you_mean(name, known)
            faults.append(f"There is no task {name!r}.{hint} `lorafair tasks list` shows ours.{note}")
        else:
            folders[found] = None
    raise_faults("The tasks cannot be loaded", faults)
    return list(folders)


def _names_in(folder: Path) -> set[str]:
    names: set[str] = set()
    for path in folder.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8", errors="replace")
        names |= set(re.findall(r"^(?:task|group|tag):\s*([\w\-.]+)\s*$", text, re.M))
        for block in re.findall(r"^tag:\s*\n((?:\s+-\s*[\w\-.]+\s*\n)+)", text, re.M):
            names |= set(re.findall(r"-\s*([\w\-.]+)", block))
    return names


def _find_in_lm_eval(name: str) -> Path | None:
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise LorafairError("lm-eval is not installed. Install it with `pip install lm-eval==0.4.13`.")
    root = Path(spec.submodule_search_locations[0]) / "tasks"
    if (root / name).is_dir() and name in _names_in(root / name):
        return root / name
    line = re.compile(rf"^\s*(?:task:|group:|tag:|-)\s*[\"']?{re.escape(name)}[\"']?\s*$", re.M)
    for path in sorted(root.rglob("*.yaml")):
        if line.search(path.read_text(encoding="utf-8", errors="replace")):
            return path.parent
    return None


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
    for entry in registry.entries("task"):
        if entry.name in names and (local := find_local_folder(entry)):
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
