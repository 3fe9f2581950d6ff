"""Make plain ``lm_eval`` find our tasks: one small stub per task inside the installed lm-eval, opt-in and reversible.

A stub includes our YAML by absolute path.  lm-eval skips a stub whose YAML is gone, so either package may be
uninstalled first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from lorafair.errors import LorafairError
from lorafair.registry import Entry, load_registry
from lorafair.registry_file import LOCAL
from lorafair.registry_layer import describe_origin
from lorafair.task_package import find_package, find_task_package

MARKER = "# Written by `lorafair tasks link`; `lorafair tasks unlink` removes it."
FOLDER = "lorafair"
MANUAL = 'Without links, lm_eval finds the tasks by --include_path "$(lorafair tasks path)"'


def find_task_file(entry: Entry) -> Path:
    """The YAML file of a task: the one in its package that says ``task: <name>``.

    Raises:
        LorafairError: if the package or the file is missing.
    """
    folder = find_task_package(entry)
    says = re.compile(rf"^task:\s*['\"]?{re.escape(entry.name)}['\"]?\s*(#.*)?$", re.MULTILINE)
    for path in sorted(folder.rglob("*.yaml")) if folder else ():
        if says.search(path.read_text(encoding="utf-8")):
            return path
    raise LorafairError(
        f"The task {entry.name!r} has no YAML: {folder or f'the package {entry.target}, which is not installed,'} "
        f"holds no file that says `task: {entry.name}`. "
        + (f"Mend {entry.file}:{entry.line}." if entry.origin == LOCAL else f"Reinstall {describe_origin(entry)}.")
    )


def find_task_folder() -> Path:
    """The folder for ``lm_eval --include_path``: that of the package whose tasks LoRAFair brings.

    Raises:
        LorafairError: if it is not installed.
    """
    roots = {
        (entry.target or "").split(".")[0] for entry in load_registry().entries("task") if entry.origin == "lorafair"
    }
    for root in sorted(roots):
        if folder := find_package(root):
            return folder
    raise LorafairError("LoRAFair's tasks are not installed. Reinstall it: `pip install --force-reinstall lorafair`.")


def link_tasks(destination: Path | None = None) -> list[tuple[Path, bool]]:
    """Write a stub for every task of the registry; those that are right already are left alone.

    Args:
        destination: lm-eval's folder of tasks; default: that of the installed lm-eval.

    Returns:
        Each stub and whether it was written now.

    Raises:
        LorafairError: if lm-eval is not installed, its folder cannot be written, or a file there is not ours.
    """
    folder = _find_stubs(destination)
    if folder is None:
        raise LorafairError("lm-eval is not installed here, so there is nothing to link into: `pip install lm-eval`.")
    done = []
    for entry in load_registry().entries("task"):
        # JSON is YAML: whatever is in the path is quoted.
        text = f"{MARKER}\ninclude: {json.dumps(str(find_task_file(entry)))}\ntask: {json.dumps(entry.name)}\n"
        stub = folder / f"{entry.name}.yaml"
        try:
            present = stub.read_text(encoding="utf-8") if stub.exists() else None
            if present is not None and not present.startswith(MARKER):
                raise LorafairError(f"{stub} is there and LoRAFair did not write it: move it away. {MANUAL}.")
            if present != text:
                folder.mkdir(exist_ok=True)
                stub.write_text(text, encoding="utf-8")
        except OSError as error:
            raise LorafairError(f"{stub} cannot be written ({error.strerror or error}). {MANUAL}.") from error
        done.append((stub, present != text))
    return done


def unlink_tasks(destination: Path | None = None) -> list[Path]:
    """Remove every stub that LoRAFair wrote, also of tasks that are gone, and the folders that are empty then.

    Files without our first line stay.  Works, too, where lm-eval has been uninstalled around the stubs.

    Args:
        destination: as for :func:`link_tasks`.

    Returns:
        The removed files; none if there was nothing to do.

    Raises:
        LorafairError: if a stub cannot be removed.
    """
    folder = _find_stubs(destination)
    removed: list[Path] = []
    for stub in sorted(folder.glob("*.yaml")) if folder else ():
        try:
            if stub.read_text(encoding="utf-8").startswith(MARKER):
                stub.unlink()
                removed.append(stub)
        except OSError as error:
            raise LorafairError(f"{stub} cannot be removed ({error.strerror or error}): delete it by hand.") from error
    if folder and removed:
        abandoned = not (folder.parent.parent / "__init__.py").exists()
        _remove_empty([folder, folder.parent, folder.parent.parent] if abandoned and destination is None else [folder])
    return removed


def _find_stubs(destination: Path | None) -> Path | None:
    """Our folder among lm-eval's tasks; an uninstalled lm-eval with stubs left behind is found as a bare folder."""
    if destination is not None:
        return destination / FOLDER
    package = find_package("lm_eval")
    return package / "tasks" / FOLDER if package else None


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
