"""Read and validate a registry: the YAML file of the built-ins and the entry points of other distributions.

Nothing here imports a plugin or pydantic, so that listings stay instant.  Faults are returned, not raised: the caller
raises all of them, of every source, at once.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lorafair.errors import did_you_mean

SCHEMA = 1
KINDS = ("task", "dataset", "scorer", "metric", "method", "trainer", "probe", "engine", "model")
DECLARED_ONLY = ("dataset", "model")
"""Kinds that may do without a target: the declaration says it all."""

KEYS: dict[str, tuple[str, ...]] = {
    "task": ("datasets", "higher_is_better"),
    "dataset": (
        *("hub", "revision", "files", "folder", "licence", "rows", "columns", "sha256", "sample", "planted"),
        *("language", "lexicon", "part", "rate", "separator", "label"),
    ),
    "scorer": ("higher_is_better", "version", "lexicon", "datasets"),
    "metric": ("row_additive", "higher_is_better", "needs", "default"),
    "method": (),
    "trainer": (),
    "probe": (),
    "engine": (),
    "model": ("distribution", "version", "sha256", "file", "hub", "revision", "licence"),
}
"""What an entry of each kind may say, beside ``target`` and ``description``."""

TYPES: dict[str, type] = {
    "target": str,
    "description": str,
    "datasets": list,
    "higher_is_better": bool,
    "row_additive": bool,
    "needs": list,
    "default": bool,
    "sample": bool,
    "version": str,
}
TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
PACKAGE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


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
        origin: the distribution that ships the file, with its ``version``.
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
        for key in _duplicate_keys(root, yaml.MappingNode)
    ]
    schema: Any = None
    construct = yaml.constructor.SafeConstructor().construct_document
    sections = {f"{kind}s": kind for kind in KINDS}
    for key, node in root.value:
        place = f"{file}:{key.start_mark.line + 1}"
        if key.value == "schema":
            schema = construct(node)
        elif key.value not in sections:
            faults.append(f"{place}: unknown section {key.value!r}.{did_you_mean(key.value, sections)}")
        elif isinstance(node, yaml.MappingNode):
            for name, body in node.value:
                line = name.start_mark.line + 1
                entry, wrong = _check_entry(sections[key.value], name.value, construct(body), origin, version)
                faults.extend(f"{file}:{line}: {fault}" for fault in wrong)
                if entry:
                    entries.append(Entry(*entry, origin=origin, version=version, file=file, line=line))
        elif construct(node) is not None:
            faults.append(f"{place}: section {key.value!r} is a mapping of names, not {construct(node)!r}.")
    if schema != SCHEMA:
        faults.append(f"{file}:1: schema is {schema!r}, this version reads {SCHEMA}. Write `schema: {SCHEMA}`.")
    return entries, faults


def find_entry_points() -> list[importlib.metadata.EntryPoint]:
    """All entry points of installed distributions in groups ``lorafair.*``; the first of two copies of one wins.

    Reads each ``entry_points.txt`` as text and parses only those that speak of us; the answer of
    ``importlib.metadata.entry_points()`` would differ in type between Python versions.
    """
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for dist in importlib.metadata.distributions():
        if "[lorafair." in (dist.read_text("entry_points.txt") or ""):
            points = [point for point in dist.entry_points if point.group.startswith("lorafair.")]
            found.setdefault(re.sub(r"[-_.]+", "-", dist.metadata["Name"]).lower(), points)
    return [point for points in found.values() for point in points]


def read_entry_points(points: Iterable[importlib.metadata.EntryPoint]) -> tuple[list[Entry], list[str]]:
    """The entries that other distributions declare through entry points ``lorafair.tasks``, ``.scorers``, ….

    Nothing is imported: an entry point's value is its target, its distribution's summary the description.
    """
    groups = {f"lorafair.{kind}s": kind for kind in KINDS if kind != "model"}
    entries: list[Entry] = []
    faults: list[str] = []
    for point in points:
        dist = point.dist
        origin = dist.metadata["Name"] if dist else "unknown"
        place = f"entry points of {origin}"
        if point.group not in groups:
            faults.append(f"{place}: unknown group {point.group!r}.{did_you_mean(point.group, groups)}")
            continue
        body = {"target": point.value, "description": (dist.metadata["Summary"] if dist else None) or f"by {origin}"}
        version = dist.version if dist else ""
        entry, wrong = _check_entry(groups[point.group], point.name, body, origin, version)
        faults.extend(f"{place}: {fault}" for fault in wrong)
        if entry:
            entries.append(Entry(*entry, origin=origin, version=version, file=place, line=0))
    return entries, faults


def find_clashes(entries: Iterable[Entry]) -> list[str]:
    """One sentence per name of a kind that two distributions claim."""
    faults: list[str] = []
    known: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        first = known.setdefault((entry.kind, entry.name), entry)
        if first.origin != entry.origin:
            faults.append(
                f"{entry.kind} {entry.name!r} is claimed by {first.origin} ({first.file}:{first.line}) and by "
                f"{entry.origin} ({entry.file}). Uninstall one: `pip uninstall {entry.origin}`."
            )
    return faults


def find_undeclared(entries: Iterable[Entry]) -> list[str]:
    """One sentence per data set that an entry names under ``datasets:`` and nobody declares."""
    known = list(entries)
    datasets = [entry.name for entry in known if entry.kind == "dataset"]
    return [
        f"{entry.file}:{entry.line}: {entry.kind} {entry.name!r} names an unknown data set {name!r}."
        + did_you_mean(str(name), datasets)
        for entry in known
        for name in entry.fields.get("datasets", ())
        if name not in datasets
    ]


def _duplicate_keys(node: Any, mapping: type) -> Iterator[Any]:
    """Key nodes that occur a second time in one mapping, at any depth (YAML itself keeps the last in silence)."""
    if not isinstance(node, mapping):
        return
    seen: set[str] = set()
    for key, value in node.value:  # type: ignore[attr-defined]
        if key.value in seen:
            yield key
        seen.add(str(key.value))
        yield from _duplicate_keys(value, mapping)


def _check_entry(
    kind: str, name: str, body: Any, origin: str, version: str
) -> tuple[tuple[str, str, str | None, str, dict[str, Any]] | None, list[str]]:
    """(kind, name, target, description, fields) of one declared name, or None, and its faults without a place."""
    what = f"{kind} {name!r}"
    if not isinstance(body, dict):
        return None, [f"{what} is a mapping with `description:`, not {body!r}."]
    allowed = ("target", "description", *KEYS[kind])
    faults = [f"{what}: unknown key {key!r}.{did_you_mean(str(key), allowed)}" for key in body if key not in allowed]
    for key, needed in TYPES.items():
        if key in allowed and key in body and not isinstance(body[key], needed):
            faults.append(f"{what}: `{key}:` is a {needed.__name__}, not {body[key]!r}.")
    if not body.get("description"):
        faults.append(f"{what}: no description; add `description:` with one line on what it is.")
    target = body.get("target")
    if target is None and kind not in DECLARED_ONLY:
        faults.append(f"{what}: no target; add `target: {'package' if kind == 'task' else 'module:attribute'}`.")
    elif isinstance(target, str) and not (PACKAGE if kind == "task" else TARGET).fullmatch(target):
        form = "a package, as in package.tasks" if kind == "task" else "module:attribute, as in package.module:function"
        faults.append(f"{what}: target {target!r} is not of the form {form}.")
    if faults:
        return None, faults
    fields = {key: value for key, value in body.items() if key not in ("target", "description")}
    return (kind, name, target, body["description"], fields), []
