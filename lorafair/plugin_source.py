"""Which code a plugin is: what stored work is keyed by, so that nothing is re-used after a plugin's code changed.

Files are found and read, no plugin is imported.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from lorafair.registry import Entry
from lorafair.registry_layer import find_local_folder


def identify_plugin(entry: Entry) -> dict[str, Any]:
    """``origin``, ``version``, ``target`` and ``source_sha256`` of a plugin.

    The hash is over names and contents of: for a built-in, its own file; for another distribution's, every ``*.py``
    of its package; for one of a registry file of the user's own, its module or package and those that it imports
    (inside functions too) from the registry's folder.  None where the source cannot be found.  What a plugin reads
    beside Python files is not seen: its ``version``, or an ``identify`` function, has to tell.
    """
    said = {"origin": entry.origin, "version": entry.version, "target": entry.target}
    return said | {"source_sha256": hash_sources(entry)}


def hash_sources(entry: Entry) -> str | None:
    """The hash that :func:`identify_plugin` speaks of, 64 hexadecimal digits, or None."""
    files = list_sources(entry)
    if entry.origin == "lorafair" and len(files) == 1:
        return hashlib.sha256(next(iter(files.values())).read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest() if files else None


def list_sources(entry: Entry) -> dict[str, Path]:
    """The Python files that a plugin's code lies in, by their names below the package or the registry's folder."""
    if entry.target is None:
        return {}
    module = entry.target.partition(":")[0]
    if entry.origin == "lorafair":
        spec = importlib.util.find_spec(module)
        return {module: Path(spec.origin)} if spec and spec.origin else {}
    folder = find_local_folder(entry)
    files: dict[str, Path] = {}
    todo, seen = [module], set[str]()
    while todo:
        first = todo.pop().partition(".")[0]
        if first in seen:
            continue
        seen.add(first)
        found = _list_local(folder, first) if folder else {}
        files |= found
        todo += [name for path in found.values() for name in _list_imports(path)]
    return files or _list_installed(module)


def _list_local(folder: Path, name: str) -> dict[str, Path]:
    """The files of one top-level module or package of a folder; none where it lies elsewhere."""
    paths = [folder / f"{name}.py", *sorted((folder / name).rglob("*.py"))]
    return {path.relative_to(folder).as_posix(): path for path in paths if path.is_file()}


def _list_installed(module: str) -> dict[str, Path]:
    """The files of the first part of a dotted name that is a package or module of its own, no namespace."""
    places: list[str] | None = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        try:
            spec: ModuleSpec | None = (
                importlib.util.find_spec(name) if places is None else PathFinder.find_spec(name, places)
            )
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return {}
        places = list(spec.submodule_search_locations or ())
        if spec.origin and spec.has_location and not places:
            return {Path(spec.origin).name: Path(spec.origin)}
        if spec.origin and spec.has_location:
            root = Path(spec.origin).parent
            return {path.relative_to(root).as_posix(): path for path in root.rglob("*.py") if path.is_file()}
    return {}


def _list_imports(path: Path) -> Iterator[str]:
    """The names that a file imports, wherever in it; none where it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
