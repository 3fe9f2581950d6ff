"""Where the YAML of a registered task lies: in an installed package, or in a folder beside a user's own registry."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from lorafair.registry import Entry
from lorafair.registry_layer import find_local_folder


def find_package(name: str) -> Path | None:
    """The folder of an installed package, or None; only its parents are imported, never the package itself."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]).resolve() if places else None


def find_task_package(entry: Entry) -> Path | None:
    """The folder that a task's target names, or None where there is none; nothing of it is imported.

    In a user's own registry a target is a folder below that file (``./tasks``, or ``tasks.mine`` for ``tasks/mine``),
    or else an installed package.
    """
    target, local = entry.target or "", find_local_folder(entry)
    if local is not None:
        is_path = "/" in target or target.startswith(".")
        folder = local.joinpath(*([target] if is_path else target.split("."))).resolve()
        if folder.is_dir() and folder != local.resolve() and folder.is_relative_to(local.resolve()):
            return folder
        if is_path:
            return None
    return find_package(target.partition(":")[0])
