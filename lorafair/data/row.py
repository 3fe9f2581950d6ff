"""Rows to train on: of a registry data set's function, or the lines of a .jsonl file; whole, or one part of them."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.blame import blame_plugin
from lorafair.data.row_check import Line, read_lines
from lorafair.data.split import split_clusters
from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry import Entry, load_registry, load_target

SPLIT: dict[str, Any] = {"part": "all", "split_seed": 13, "test_share": 0.2}
"""Options of every data set that does not split itself: by whole clusters, with a seed that is not the training's."""
KEPT = ("sample", "licence", "planted", "revision")


@dataclass(frozen=True)
class Source:
    """Numbered rows that nobody has checked yet, and where they came from.

    ``labels`` are declared of a labelled data set, in their order; ``folder`` is a file's (paths in its rows stay
    inside); ``split`` are the options of SPLIT that are left for :meth:`take_part`.
    """

    name: str
    what: str
    lines: list[Line]
    facts: dict[str, Any]
    labels: tuple[str, ...] | None = None
    folder: Path | None = None
    split: Mapping[str, Any] | None = None

    def take_part(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows of the part that was asked for, by their ``cluster``.

        Raises:
            LorafairError: for an unknown part or share, or a part without rows.
        """
        asked = {**SPLIT, **(self.split or {})}
        if asked["part"] == "all":
            return rows
        if asked["part"] not in ("train", "test"):
            raise LorafairError(f"{self.what} has no part {asked['part']!r}; it has all, train and test.")
        share, seed = asked["test_share"], asked["split_seed"]
        if not isinstance(share, float) or type(seed) is not int:
            raise LorafairError(f"test_share is {share!r} and split_seed {seed!r}; give a share, as 0.2, and a number.")
        parts = split_clusters((row["cluster"] for row in rows), share, seed)
        kept = [row for row in rows if parts[row["cluster"]] == asked["part"]]
        if not kept:
            raise LorafairError(
                f"{self.what}: no cluster falls into the part {asked['part']}. Give another split_seed."
            )
        return kept

    def describe(self, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """The provenance of these rows of the source: facts, how many, and the hash of their content."""
        text = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return {**self.facts, "name": self.name, "rows": len(rows), **more, "sha256": digest}


def read_source(
    name_or_path: str,
    options: Mapping[str, Any] | None = None,
    fits: Callable[[Entry], bool] | None = None,
    hint: str = "",
) -> Source:
    """Rows of a data set of the registry that has a target, or the lines of a .jsonl file.

    Args:
        name_or_path: a name of the registry comes first.
        options: ``--data-option``: those that the data set's function takes, and those of SPLIT.
        fits: which data sets can be meant; None is every one that has a target.
        hint: what else to give, for the message about one that cannot.

    Raises:
        LorafairError: an unknown data set, one without rows to train on, unknown options, a file that cannot be read.
    """
    registry, given = load_registry(), dict(options or {})
    if name_or_path not in registry.names("dataset"):
        path = Path(name_or_path).expanduser()
        if path.suffix not in {".jsonl", ".json"} and not path.exists():
            registry.get("dataset", name_or_path)  # raises with the closest names
        _refuse_options(given, SPLIT, f"the training data {name_or_path}")
        facts = {"source": "file", **({"options": given} if given else {})}
        return Source(
            name_or_path, f"The training data {name_or_path}", read_lines(path), facts, None, path.parent, given
        )
    entry = registry.get("dataset", name_or_path)
    usable = fits or (lambda one: one.target is not None)
    if not usable(entry):
        able = ", ".join(one.name for one in registry.entries("dataset") if usable(one))
        raise LorafairError(f"The dataset {name_or_path!r} has {hint}. These have: {able}.")
    make, left, taken = bind_rows(entry, given)
    with blame_plugin(entry):
        found = list(enumerate(make(), start=1))
    facts = {key: entry.fields[key] for key in KEPT if key in entry.fields}
    facts |= {"source": "registry", "origin": f"{entry.origin} {entry.version}".strip()}
    labels = entry.fields.get("labels")
    if given or labels:
        facts["options"] = taken | left
    return Source(
        name_or_path, f"The dataset {name_or_path!r}", found, facts, tuple(labels) if labels else None, None, left
    )


def bind_rows(
    entry: Entry, options: Mapping[str, Any] | None = None
) -> tuple[Callable[[], Any], dict[str, Any], dict[str, Any]]:
    """A call of a data set's function; the options of SPLIT that it does not take; its own ones, defaults included.

    A function with a parameter ``dataset`` is handed the entry's name, so that several sets may share one function.

    Raises:
        LorafairError: for options that neither takes.
    """
    target, given = load_target(entry), dict(options or {})
    try:
        parameters = dict(inspect.signature(target).parameters)
    except (TypeError, ValueError):  # some functions written in C have none
        parameters = {}
    own = [name for name in parameters if name != "dataset"]
    _refuse_options(given, [*own, *SPLIT], f"the dataset {entry.name!r}")
    named = {key: value for key, value in given.items() if key in own}
    whole = {key: parameters[key].default for key in own if parameters[key].default is not inspect.Parameter.empty}
    told = {"dataset": entry.name} if "dataset" in parameters else {}
    left = {key: value for key, value in given.items() if key not in own}
    return (lambda: target(**named, **told)), left, whole | named


def _refuse_options(given: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    names = list(known)
    raise_faults(
        "--data-option", [f"{what} takes no {key!r}.{did_you_mean(key, names)}" for key in given if key not in names]
    )
