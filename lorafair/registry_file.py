"""Read and validate a registry file: the one of the built-ins, or a user's own.

Nothing here imports a plugin or pydantic, so that listings stay instant.  Faults are returned, not raised: the caller
raises all of them, of every source, at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lorafair.errors import did_you_mean
from lorafair.registry_dataset import FILE_TYPES as FILE_TYPES
from lorafair.registry_dataset import OWN, SHARED, find_type_faults, is_a, tell_type
from lorafair.registry_dataset import PATH as PATH

SCHEMA = 1
KINDS = ("task", "dataset", "scorer", "metric", "method", "trainer", "objective", "probe", "engine", "model", "group")
DECLARED_ONLY = ("dataset", "model", "group")
"""Kinds that may do without a target: the declaration says it all."""
UNWRITTEN = ("model", "group")
"""Kinds that are no plugins: nobody writes code for them, and no entry point declares them."""

KEYS: dict[str, tuple[str, ...]] = {
    "task": ("datasets", "higher_is_better"),
    "dataset": (
        *("hub", "revision", "files", "folder", "licence", "terms", "sample", "planted"),
        *("language", "lexicon", "part", "rate", "labels", *OWN, *SHARED),
    ),
    "scorer": ("higher_is_better", "version", "lexicon", "datasets"),
    "metric": ("row_additive", "mean_of_y", "higher_is_better", "version", "needs", "default"),
    "method": (),
    "trainer": ("data",),
    "objective": (),
    "probe": (),
    "engine": (),
    "model": ("distribution", "version", "sha256", "file", "hub", "revision", "licence"),
    "group": ("tasks", "attributes", "id", "cluster", "pair", "twin", "label", "positive", "values"),
}
"""What an entry of each kind may say, beside ``target`` and ``description``."""

TYPES: dict[str, type] = {
    "target": str,
    "description": str,
    "datasets": list,
    "labels": list,
    "data": str,
    "files": dict,
    "planted": dict,
    "higher_is_better": bool,
    "row_additive": bool,
    "mean_of_y": bool,
    "needs": list,
    "default": bool,
    "sample": bool,
    "replace": bool,
    "tasks": list,
    "attributes": dict,
    **dict.fromkeys(("id", "cluster", "pair", "twin"), str),
    "version": str,
    "licence": str,
    "terms": str,
    "language": str,
    "distribution": str,
    "file": str,
    **OWN,
    **SHARED,
}
"""What a value of such a key is (a list: of strings); other keys take what the code behind them takes."""
LOCAL = "local registry"
"""The origin of what a user's own registry file declares; no distribution can have this name."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+\-]{0,99}")
TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
PACKAGE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
FOLDER = re.compile(r"(\./)?[\w\-][\w.\-]*(/[\w\-][\w.\-]*)*/?")
"""A folder below the registry file: relative, and never upwards."""


@dataclass(frozen=True)
class Entry:
    """One name of the registry: what it is, where its code lies, who declared it and where."""

    kind: str
    name: str
    target: str | None
    description: str
    fields: dict[str, Any] = field(hash=False)
    origin: str
    version: str
    file: str
    line: int


def read_entries(text: str, file: str, origin: str, version: str) -> tuple[list[Entry], list[str]]:
    """The entries that the YAML ``text`` declares, and one sentence per fault, each with ``file:line``.

    Args:
        text: the registry file's content; its name ``file`` is only used for messages.
        origin: the distribution that ships the file, with its ``version``; or LOCAL for a user's own file, whose
            entries may also say ``replace: true`` and name a folder of tasks.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else file
        return [], [f"{place}: not readable as YAML: {getattr(error, 'problem', None) or error}."]
    if not isinstance(root, yaml.MappingNode):
        said = f" (it holds only {text.strip()!r})" if len(text) < 200 else ""
        return [], [
            f"{file}: no registry in it{said}. If a symbolic link was checked out as a text file, run "
            "`git config core.symlinks true` and check it out again, or copy the registry.yaml of the root there."
        ]
    entries: list[Entry] = []
    faults = [
        f"{file}:{key.start_mark.line + 1}: {key.value!r} is given twice; keep one."
        for key in _duplicate_keys(root, yaml.MappingNode, set())
    ]
    schema: Any = None
    construct = _make_constructor(file, faults)
    sections = {f"{kind}s": kind for kind in KINDS}
    for key, node in root.value:
        place = f"{file}:{key.start_mark.line + 1}"
        if key.value == "schema":
            schema = construct(node)
        elif not isinstance(key, yaml.ScalarNode) or key.value not in sections:
            faults.append(f"{place}: unknown section {key.value!r}.{did_you_mean(str(key.value), sections)}")
        elif isinstance(node, yaml.MappingNode):
            for name, body in node.value:
                line = name.start_mark.line + 1
                entry, wrong = check_entry(sections[key.value], name.value, construct(body), origin == LOCAL)
                faults.extend(f"{file}:{line}: {fault}" for fault in wrong)
                if entry:
                    said = entry[4].get("version", "") if origin == LOCAL else version
                    entries.append(Entry(*entry, origin=origin, version=said, file=file, line=line))
        elif construct(node) is not None:
            faults.append(f"{place}: section {key.value!r} is a mapping of names, not {construct(node)!r}.")
    if not is_a(schema, int) or schema != SCHEMA:
        faults.append(f"{file}:1: schema is {schema!r}, this version reads {SCHEMA}. Write `schema: {SCHEMA}`.")
    return entries, faults


def _make_constructor(file: str, faults: list[str]) -> Callable[[Any], Any]:
    """A function from a YAML node to its value; what cannot be one becomes a fault and None."""
    import yaml

    build = yaml.constructor.SafeConstructor().construct_document

    def construct(node: Any) -> Any:
        try:
            return build(node)
        except yaml.YAMLError as error:
            problem = str(getattr(error, "problem", None) or error)
            faults.append(f"{file}:{node.start_mark.line + 1}: {' '.join(problem.split())}.")
            return None

    return construct


def _duplicate_keys(node: Any, mapping: type, visited: set[int]) -> Iterator[Any]:
    """Key nodes that occur a second time in one mapping, at any depth (YAML itself keeps the last in silence)."""
    if not isinstance(node, mapping) or id(node) in visited:  # an alias is walked once
        return
    visited.add(id(node))
    seen: set[str] = set()
    for key, value in node.value:  # type: ignore[attr-defined]
        if str(key.value) in seen:
            yield key
        seen.add(str(key.value))
        yield from _duplicate_keys(value, mapping, visited)


def check_entry(
    kind: str, name: Any, body: Any, local: bool = False
) -> tuple[tuple[str, str, str | None, str, dict[str, Any]] | None, list[str]]:
    """(kind, name, target, description, fields) of one declared name, or None, and its faults without a place."""
    what = f"{kind} {name!r}"
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return None, [f"{what}: a name consists of letters, digits, '_', '.', '+' and '-', at most 100 of them."]
    if not isinstance(body, dict):
        return None, [f"{what} is a mapping with `description:`, not {body!r}."]
    allowed = ("target", "description", *KEYS[kind], *(("replace",) if local else ()))
    faults = [f"{what}: unknown key {key!r}.{did_you_mean(str(key), allowed)}" for key in body if key not in allowed]
    faults += [f"{what}: {fault}" for fault in _check_types(body, allowed)]
    if not body.get("description"):
        faults.append(f"{what}: no description; add `description:` with one line on what it is.")
    target = body.get("target")
    if target is None and kind not in DECLARED_ONLY:
        faults.append(f"{what}: no target; add `target: {'package' if kind == 'task' else 'module:attribute'}`.")
    elif isinstance(target, str) and not _is_target(target, kind, local):
        form = "a package, as in package.tasks" if kind == "task" else "module:attribute, as in package.module:function"
        form += ", or a folder below this file, as in ./tasks" if local and kind == "task" else ""
        faults.append(f"{what}: target {target!r} is not of the form {form}.")
    if faults:
        return None, faults
    fields = {key: value for key, value in body.items() if key not in ("target", "description")}
    return (kind, name, target, body["description"], fields), []


def _is_target(target: str, kind: str, local: bool) -> bool:
    if kind != "task":
        return TARGET.fullmatch(target) is not None
    return bool(PACKAGE.fullmatch(target) or (local and FOLDER.fullmatch(target)))


def _check_types(body: dict[str, Any], allowed: Iterable[str]) -> Iterator[str]:
    """Faults of values that are not of their key's type, those of each file of a data set too."""
    for key, needed in TYPES.items():
        if key in allowed and key in body and not is_a(body[key], needed):
            yield f"`{key}:` is a {tell_type(needed)}, not {body[key]!r}."
    if "files" in allowed:
        yield from find_type_faults(body)
