"""Give the documents of somebody else's lm-eval task what group fairness needs: the registry's ``groups:`` section.

A mapping says in expressions (:mod:`lorafair.expression`) what of a task's own documents is a group, a cluster, a pair
and a number per document.  It is applied when samples are read, so it holds for logs of plain ``lm_eval`` as well, and
nothing of it is code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from lorafair.expression import Evaluate, parse_expression
from lorafair.registry import load_registry
from lorafair.registry_file import LOCAL, Entry
from lorafair.registry_group import FIELDS


@dataclass(frozen=True)
class Mapped:
    """What a mapping says of a task: ``direction`` and ``labels`` of its values, and a ``note`` for readers."""

    direction: dict[str, bool] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find_mapping(task: str) -> Entry | None:
    """The mapping for a task, or None: a user's own first, then the one that names the task itself, not a pattern."""
    found = [
        (entry.origin != LOCAL, task not in _patterns(entry), entry.name, entry)
        for entry in load_registry().entries("group")
        if any(fnmatchcase(task, pattern) for pattern in _patterns(entry))
    ]
    return min(found, key=lambda each: each[:3])[3] if found else None


def _patterns(entry: Entry) -> Sequence[str]:
    return entry.fields.get("tasks") or [entry.name]


def map_samples(task: str, samples: list[dict[str, Any]]) -> Mapped:
    """Apply the mapping of a task, if there is one, to its samples, in place.

    Documents that carry ``groups`` themselves are left alone.  With a ``label`` the task's own target is not used; a
    label that is None says that the documents have none.  With ``values`` these stand in place of all results that are
    not one number per document.
    """
    entry = find_mapping(task)
    if entry is None or any(isinstance(s.get("doc"), dict) and s["doc"].get("groups") for s in samples):
        return Mapped()
    attributes = {name: _parse_attribute(said) for name, said in (entry.fields.get("attributes") or {}).items()}
    parsed = {key: parse_expression(entry.fields[key]) for key in FIELDS if entry.fields.get(key)}
    values = {name: parse_expression(said["value"]) for name, said in (entry.fields.get("values") or {}).items()}
    grouped = 0
    for sample in samples:
        document = sample["doc"] if isinstance(sample.get("doc"), dict) else {}
        context = {**document, "doc": document, "sample": {k: v for k, v in sample.items() if k != "doc"}}
        groups = {name: found for name, (of, names) in attributes.items() if (found := _name(of(context), names))}
        grouped += bool(groups)
        told = {key: _join(evaluate(context)) for key, evaluate in parsed.items()}
        document = {**document, "groups": groups, **{key: said for key, said in told.items() if said is not None}}
        if "label" in told:
            sample.pop("target", None)
            if told["label"] is None:
                document.pop("label", None)
        if "positive" in entry.fields:
            document["positive"] = entry.fields["positive"]
        sample["doc"] = document
        if values:
            kept = [name for name in sample["metrics"] if _is_number(sample.get(name)) and name not in values]
            sample["metrics"] = [*kept, *values]
            sample |= {name: _as_number(evaluate(context)) for name, evaluate in values.items()}
    note = f"{task}: its groups are read by the registry's mapping {entry.name}"
    if not grouped:
        note = f"{task}: the registry's mapping {entry.name} found no group in any of its {len(samples)} documents"
    said = entry.fields.get("values") or {}
    return Mapped(
        {name: each["higher_is_better"] for name, each in said.items() if "higher_is_better" in each},
        {name: str(each["label"]) for name, each in said.items() if each.get("label")},
        [note],
    )


def _parse_attribute(said: Any) -> tuple[Evaluate, Mapping[str, Any]]:
    if isinstance(said, Mapping):
        return parse_expression(said["of"]), {str(key): name for key, name in (said.get("names") or {}).items()}
    return parse_expression(said), {}


def _name(value: Any, names: Mapping[str, Any]) -> list[str]:
    """The groups that a value names, a list's each once; none for None and empty text."""
    listed = value if isinstance(value, list | tuple) else [value]
    found = [text for each in listed if (text := "" if each is None else str(each).strip())]
    return list(dict.fromkeys(str(names.get(text, text)) for text in found))


def _join(value: Any) -> str | None:
    """One text of a value; None where it, or a part of it, is not there."""
    if not isinstance(value, list | tuple):
        return None if value is None else str(value)
    return None if any(each is None for each in value) else " | ".join(map(str, value))


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _as_number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
