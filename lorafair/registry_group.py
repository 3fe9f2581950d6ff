"""What a mapping of somebody else's documents may say, and what is wrong with one (:mod:`lorafair.group_mapping`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError, did_you_mean
from lorafair.expression import parse_expression

if TYPE_CHECKING:
    from lorafair.registry_file import Entry

FIELDS = ("id", "cluster", "pair", "twin", "label")
"""What a mapping may say of a document beside its groups, one expression each."""
VALUE_KEYS = ("value", "higher_is_better", "label")
ATTRIBUTE_KEYS = ("of", "names")


def find_mapping_faults(entries: Iterable[Entry]) -> list[str]:
    """One sentence per thing that is wrong inside the mappings of a registry: expressions, keys, types."""
    return [
        f"{entry.file}:{entry.line}: group {entry.name!r}: {fault}."
        for entry in entries
        if entry.kind == "group"
        for fault in _find_faults(entry.fields | ({"target": entry.target} if entry.target else {}))
    ]


def _find_faults(fields: Mapping[str, Any]) -> Iterator[str]:
    if "target" in fields:
        yield "a mapping has no target: nothing of it is code"
    expressions: list[tuple[str, Any]] = [(f"`{key}:`", fields[key]) for key in FIELDS if key in fields]
    for name, said in (fields.get("attributes") or {}).items():
        if isinstance(said, dict):
            yield from _find_unknown(f"attribute {name!r}", said, ATTRIBUTE_KEYS)
            if not isinstance(said.get("names", {}), dict):
                yield f"attribute {name!r}: `names:` is a mapping of the document's names to yours"
        expressions.append((f"attribute {name!r}", said.get("of") if isinstance(said, dict) else said))
    for name, said in (fields.get("values") or {}).items():
        if not isinstance(said, dict):
            yield f"value {name!r} is a mapping with `value:`, not {said!r}"
            continue
        yield from _find_unknown(f"value {name!r}", said, VALUE_KEYS)
        if not isinstance(said.get("higher_is_better", True), bool):
            yield f"value {name!r}: `higher_is_better:` is true or false"
        expressions.append((f"value {name!r}", said.get("value")))
    for what, text in expressions:
        if not isinstance(text, str):
            yield f"{what} is an expression, not {text!r}"
            continue
        try:
            parse_expression(text)
        except LorafairError as error:
            yield f"{what}: {error}"


def _find_unknown(what: str, said: Mapping[str, Any], known: Sequence[str]) -> Iterator[str]:
    yield from (f"{what}: unknown key {key!r}.{did_you_mean(str(key), known)}" for key in said if key not in known)
