"""What a data set's declaration may say of its files, and what is wrong with one that says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lorafair.errors import did_you_mean

if TYPE_CHECKING:
    from lorafair.registry_file import Entry

FORMATS = ("csv", "tsv", "jsonl", "parquet", "pictures")
SHARED: dict[str, type] = {
    "columns": list,
    "label": str,
    "positive": object,
    "values": dict,
    "distinct": list,
    "format": str,
    "separator": str,
    "header": bool,
    "quoting": bool,
    "pattern": str,
    "odd": dict,
}
"""What a data set may say once for all of its files, and each file for itself (which then counts)."""
OWN: dict[str, type] = {"rows": int, "positives": int, "subsets": dict, "sha256": str}
"""What is true of one file; a data set says it itself where it has only one."""
FILE_TYPES: dict[str, type] = {"path": str, "hub": str, "url": str, **OWN, **SHARED}
"""What one file under a data set's ``files:`` may say; ``path`` is needed."""
SUBSET_TYPES: dict[str, type] = {"where": dict, "rows": int, "positives": int}
"""What is said of one subset of a file."""
_PART = r"(?:[^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+)"
PATH = re.compile(rf"(?:\./)?{_PART}(?:/{_PART})*")
"""A file below a folder: relative, and never upwards."""
SCRIPT = re.compile(r"\.pyc?(\?.*)?$", re.IGNORECASE)


def merge_facts(fields: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """All that is declared of one file: its own facts over those that its data set says for every file."""
    alone = len(fields.get("files") or ()) == 1
    shared = {key: fields[key] for key in (*SHARED, *(OWN if alone else ())) if key in fields}
    return shared | dict(facts)


def find_type_faults(body: Mapping[str, Any]) -> Iterator[str]:
    """Faults of ``files:`` and ``subsets:`` whose keys or values are not of the form that is read."""
    files = body.get("files")
    for role, facts in files.items() if isinstance(files, dict) else ():
        if not isinstance(facts, dict) or "path" not in facts:
            yield f"file {role!r} is a mapping with `path:`, not {facts!r}."
            continue
        for key, value in facts.items():
            if key not in FILE_TYPES:
                yield f"file {role!r}: unknown key {key!r}.{did_you_mean(str(key), FILE_TYPES)}"
            elif key == "path" and isinstance(value, str) and not PATH.fullmatch(value):
                yield f"file {role!r}: `path:` is below the folder of the data, as in folder/file.tsv, not {value!r}."
            elif not is_a(value, FILE_TYPES[key]):
                yield f"file {role!r}: `{key}:` is a {tell_type(FILE_TYPES[key])}, not {value!r}."
        yield from (f"file {role!r}: {fault}" for fault in _find_subset_faults(facts.get("subsets")))
    yield from _find_subset_faults(body.get("subsets"))


def _find_subset_faults(subsets: Any) -> Iterator[str]:
    for name, facts in subsets.items() if isinstance(subsets, dict) else ():
        if not isinstance(facts, dict):
            yield f"subset {name!r} is a mapping of {', '.join(SUBSET_TYPES)}, not {facts!r}."
            continue
        for key, value in facts.items():
            if key not in SUBSET_TYPES:
                yield f"subset {name!r}: unknown key {key!r}.{did_you_mean(str(key), SUBSET_TYPES)}"
            elif not is_a(value, SUBSET_TYPES[key]):
                yield f"subset {name!r}: `{key}:` is a {tell_type(SUBSET_TYPES[key])}, not {value!r}."


def find_dataset_faults(entries: Iterable[Entry]) -> list[str]:
    """One sentence per thing that a data set declares in the right form and that cannot be meant.

    No data set can name a loading script: `datasets` runs none any more, and LoRAFair never did.
    """
    faults = []
    for entry in entries:
        if entry.kind == "dataset":
            what = f"{entry.file}:{entry.line}: dataset {entry.name!r}"
            faults += [f"{what}: {fault}" for fault in _find_senseless(entry.fields)]
    return faults


def _find_senseless(fields: Mapping[str, Any]) -> Iterator[str]:
    files: Mapping[str, Mapping[str, Any]] = fields.get("files") or {}
    for key in OWN:
        if key in fields and len(files) != 1:
            yield f"`{key}:` is said of each file, under `files:`, where there is not exactly one."
    for role, given in files.items():
        facts = merge_facts(fields, given)
        for key in ("path", "hub", "url"):
            if SCRIPT.search(str(facts.get(key, ""))):
                yield f"file {role!r}: `{key}:` names a script ({facts[key]}); name the data files themselves."
        if facts.get("format", "csv") not in FORMATS:
            yield f"file {role!r}: unknown format {facts['format']!r}.{did_you_mean(str(facts['format']), FORMATS)}"
        if "url" in facts and not str(facts["url"]).startswith(("https://", "http://")):
            yield f"file {role!r}: `url:` begins with https://, not {facts['url']!r}."
        if "url" in facts and "sha256" not in facts:
            yield f"file {role!r}: a `url:` needs the file's `sha256:`, so that nothing else is taken for it."
        if not {"label", "positive"} <= set(facts) and _counts_positives(facts):
            yield f"file {role!r}: `positives:` needs `label:` (a column) and `positive:` (its positive value)."
        yield from (f"file {role!r}: {fault}" for fault in _find_picture_faults(facts))
        if not facts.get("header", True) and not facts.get("columns"):
            yield f"file {role!r}: `header: false` needs `columns:`, the names of the columns in their order."


def _find_picture_faults(facts: Mapping[str, Any]) -> Iterator[str]:
    """Faults of what is said of a folder of pictures, or of such words said of another file."""
    odd = facts.get("odd") or {}
    said = {"pattern": facts.get("pattern"), **{f"odd: {kind}": each for kind, each in odd.items()}}
    if facts.get("format") != "pictures":
        if any(each is not None for each in said.values()):
            yield "`pattern:` and `odd:` are about the names of pictures: they need `format: pictures`."
        return
    if not facts.get("pattern"):
        yield "`format: pictures` needs `pattern:`, a regular expression of a picture's whole name."
    if "hub" in facts or "url" in facts:
        yield "a folder of pictures is not fetched: leave out its `hub:` and `url:`."
    for key, each in said.items():
        try:
            re.compile(str(each))
        except re.error as error:
            yield f"`{key}:` is no regular expression ({error}): {each!r}."


def _counts_positives(facts: Mapping[str, Any]) -> bool:
    return "positives" in facts or any("positives" in each for each in (facts.get("subsets") or {}).values())


def is_a(value: Any, needed: type) -> bool:
    """Whether a value of a registry file is of a key's type (a list: of strings; a whole number: not true or false)."""
    if needed is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, needed) and (needed is not int or not isinstance(value, bool))


def tell_type(needed: type) -> str:
    """A key's type in words, for messages."""
    return "list of str" if needed is list else needed.__name__
