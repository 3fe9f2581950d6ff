"""Which rows of a data set a model was trained on and which it was not: drawn once, recorded beside the checkpoint.

Target, shadow models and attack read the one record, so that nobody's members are another one's non-members.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lorafair.data.split import split_clusters
from lorafair.errors import LorafairError

FILE = "members.json"


@dataclass(frozen=True)
class Split:
    """Rows that were trained on (``members``) and rows that were held out, by their ids, of one data set.

    ``data``, ``options`` (``--data-option``) and ``composition`` (shares, rows, seed of
    :func:`lorafair.data.composition.compose_data`) tell the data set, ``data_sha256`` its content, ``holdout`` and
    ``seed`` how it was split by clusters.
    """

    data: str
    data_sha256: str
    holdout: float
    seed: int
    members: tuple[str, ...]
    nonmembers: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    composition: Mapping[str, Any] | None = None

    @property
    def sha256(self) -> str:
        """Of what was split and how it came out; two models with the same one were trained on the same rows."""
        told = [self.data_sha256, sorted(self.members), sorted(self.nonmembers)]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """For a provenance record: everything but the ids."""
        return {
            "holdout": self.holdout,
            "seed": self.seed,
            "of": self.data_sha256,
            "sha256": self.sha256,
            "members": len(self.members),
            "nonmembers": len(self.nonmembers),
        }

    def write(self, folder: Path) -> None:
        """Write ``members.json`` into a checkpoint's folder: ids, and no text."""
        told: dict[str, Any] = {"schema": 1, "data": self.data, "options": dict(self.options)}
        if self.composition is not None:
            told["composition"] = dict(self.composition)
        told |= {"data_sha256": self.data_sha256, "holdout": self.holdout, "seed": self.seed}
        told |= {"members": list(self.members), "nonmembers": list(self.nonmembers), "sha256": self.sha256}
        (folder / FILE).write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def hold_out(data: Any, share: float, seed: int) -> tuple[Any, Split]:
    """The members of a fresh split as data to train on, and the split; see :func:`draw_split`."""
    split = draw_split(data, share, seed)
    return keep_rows(data, split.members, {"split": split.describe()}), split


def keep_rows(data: Any, ids: Collection[str], facts: Mapping[str, Any] | None = None) -> Any:
    """The rows with these ids, in the same order, as data of their own, with their own number and hash.

    Args:
        data: a dataclass with ``rows``, ``provenance`` and ``_done`` (what was tokenised), as
            :class:`lorafair.data.pairs.Pairs` is.
        ids: of the rows.
        facts: more for the provenance.
    """
    kept = set(ids)
    rows = [row for row in data.rows if row["id"] in kept]
    text = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    told = {**data.provenance, "rows": len(rows), "sha256": digest, **(facts or {})}
    if isinstance(told.get("labels"), Mapping):
        told["labels"] = {name: sum(row["label"] == name for row in rows) for name in told["labels"]}
    return replace(data, rows=rows, provenance=told, _done={})


def draw_split(data: Any, holdout: float, seed: int) -> Split:
    """Hold out about a share of a data set's clusters (see :func:`lorafair.data.split.split_clusters`).

    Args:
        data: has ``name``, ``rows`` with ``id`` and ``cluster``, and ``provenance`` with ``sha256``.
        holdout: share, in (0, 1).
        seed: of the split; not the training seed.

    Raises:
        LorafairError: for ids that stand at several rows, and where one part would be empty.
    """
    repeated = [name for name, times in Counter(row["id"] for row in data.rows).items() if times > 1]
    if repeated:
        raise LorafairError(
            f"--holdout needs an id of its own at each row of {data.name}; given to several rows: "
            f"{', '.join(repeated[:5])}{', …' if len(repeated) > 5 else ''}. Rename them, or leave the ids out."
        )
    # named otherwise than in a split of training and test data, so that equal seeds do not make one follow the other
    names = [f"members\n{row['cluster']}" for row in data.rows]
    parts = split_clusters(names, holdout, seed)
    kept = tuple(row["id"] for row, name in zip(data.rows, names, strict=True) if parts[name] == "train")
    out = tuple(row["id"] for row, name in zip(data.rows, names, strict=True) if parts[name] == "test")
    if not kept or not out:
        raise LorafairError(
            f"--holdout {holdout:g} with --split-seed {seed} leaves no row to {'train on' if not kept else 'hold out'}:"
            f" {data.name} has {len(parts)} clusters. Give another share or seed, or more clusters."
        )
    options, mixed = data.provenance.get("options") or {}, data.provenance.get("composition")
    if mixed is not None:
        mixed = {"shares": mixed["shares"], "rows": len(data.rows), "seed": mixed["seed"]}
    return Split(data.name, data.provenance["sha256"], holdout, seed, kept, out, options, mixed)


def read_split(folder: Path, label: str) -> Split:
    """The split that a checkpoint was trained with.

    Raises:
        LorafairError: where the folder has none, or it cannot be read, or was changed by hand.
    """
    path = folder / FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        members, nonmembers = (tuple(str(each) for each in told[key]) for key in ("members", "nonmembers"))
        split = Split(
            str(told["data"]),
            str(told["data_sha256"]),
            float(told["holdout"]),
            int(told["seed"]),
            members,
            nonmembers,
            dict(told.get("options") or {}),
            None if told.get("composition") is None else dict(told["composition"]),
        )
        changed = split.sha256 != told["sha256"]
    except FileNotFoundError as error:
        raise LorafairError(
            f"{label}: {folder} has no {FILE}: nobody knows which rows it was not trained on. Train it with "
            "`lorafair train … --holdout 0.5 --split-seed 1`, which holds a share of the data out and records which."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LorafairError(
            f"{label}: {path} cannot be read ({type(error).__name__}: {error}). Copy or train it again."
        ) from error
    if changed:
        raise LorafairError(f"{label}: the ids in {path} do not agree with its sha256. Copy or train it again.")
    return split
