"""Check a task: every YAML of its folder loads (lm-eval skips a broken one in silence), and the task is built."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError
from lorafair.plugin_guard import Faulty, describe_error, show_path
from lorafair.registry import load_registry
from lorafair.registry_layer import find_local_folder, open_folder
from lorafair.task_link import find_task_file
from lorafair.task_package import find_task_package

if TYPE_CHECKING:
    from lorafair.plugin_check import Finding

Call = Callable[[Callable[[], Any]], Any]
DOCUMENTS = 20
"""Documents whose ``groups`` are looked at."""


def check_task(finding: Finding, call: Call, seen: set[Path]) -> None:
    """Add to ``finding`` what is wrong with a task's YAML, its hooks, or its first documents.

    Args:
        finding: of the task; its place becomes that of its YAML.
        call: runs code of the plugin; see :func:`lorafair.plugin_guard.call_plugin`.
        seen: folders whose other YAML files have been told of already.

    Raises:
        NotChecked: if its data is not here.
        Faulty: if it cannot be built, or has no YAML.
    """
    entry = finding.entry
    folder = find_task_package(entry)
    if folder is None:
        raise Faulty(f"names {entry.target}, which is neither an installed package nor a folder beside the registry")
    if local := find_local_folder(entry):
        open_folder(local)
    if folder not in seen:
        seen.add(folder)
        for path in sorted(folder.rglob("*.yaml")):
            finding.faults += call(functools.partial(find_yaml_faults, path))
    try:
        path = find_task_file(entry)
    except LorafairError as error:
        raise Faulty(" ".join(str(error).split())) from error
    line = next((n for n, text in enumerate(_lines(path), start=1) if text.startswith("task:")), 1)
    finding.place = f"{show_path(path)}:{line}"
    _find_strangers(finding, folder)
    if not finding.faults:
        _check_documents(finding, call(lambda: _build(entry.name, folder)), call)


def find_yaml_faults(path: Path) -> list[str]:
    """Why lm-eval could not use a YAML file, each with ``file:line``: not YAML, or a function that is not there."""
    import yaml
    from lm_eval.tasks._yaml_loader import load_yaml

    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{show_path(path)}:{mark.line + 1}" if mark else show_path(path)
        return [f"has a YAML that cannot be read, {where}: {getattr(error, 'problem', None) or error}"]
    if not isinstance(root, yaml.MappingNode):
        return [f"has a YAML that is no mapping, {show_path(path)}:1"]
    try:
        load_yaml(path)
    except Exception as error:  # hooks are imported here, and may do anything
        said = str(error)
        functions = re.finditer(r"!function\s+([\w.]+)", text)
        at = next((m.start() for m in functions if any(part in said for part in (m[1], m[1].rpartition(".")[2]))), 0)
        line = text.count("\n", 0, at) + 1
        return [f"has a YAML that does not load, {show_path(path)}:{line}: {describe_error(error)}"]
    return []


def _build(name: str, folder: Path) -> Any:
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=[str(folder)], include_defaults=False)
    if name not in manager.task_index:
        raise Faulty(f"is not in lm-eval's index of {show_path(folder)}: its YAML has neither `task:` nor `class:`")
    return manager.load([name])["tasks"].get(name)


def _check_documents(finding: Finding, task: Any, call: Call) -> None:
    documents = call(lambda: [doc for doc, _ in zip(task.eval_docs, range(DOCUMENTS), strict=False)])
    if not documents:
        finding.faults.append("has no documents")
        return
    groups = [doc.get("groups") for doc in documents if isinstance(doc, Mapping)]
    if not any(groups):
        finding.notes.append("its documents carry no `groups`: there is no group fairness to measure")
    for each in filter(None, groups):
        if not isinstance(each, Mapping) or not all(isinstance(names, list | tuple) for names in each.values()):
            finding.faults.append(f"has a document whose groups are {each!r}, not {{attribute: [names]}}")
            return


def _find_strangers(finding: Finding, folder: Path) -> None:
    """Names that this folder's YAML defines and the registry gives to another folder: lm-eval would mix them up."""
    owners = {each.name: each for each in load_registry().entries("task")}
    for path in sorted(folder.rglob("*.yaml")):
        for number, text in enumerate(_lines(path), start=1):
            found = re.match(r"task:\s*['\"]?([\w\-.]+)['\"]?\s*(#.*)?$", text)
            owner = owners.get(found[1]) if found else None
            if owner and find_task_package(owner) != folder and owner.name != finding.entry.name:
                finding.faults.append(
                    f"defines the task {owner.name!r} of {owner.origin} a second time, {show_path(path)}:{number}"
                )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
