"""Who is attacked: documents found again among the rows of a checkpoint's recorded split, members and not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import LorafairError, raise_faults
from lorafair.membership.split import FILE, Split, keep_rows, read_split
from lorafair.plan import DEFAULTS

CONTENT = ("prompt", "completion", "text")


@dataclass(frozen=True)
class Attacked:
    """Documents of a probe as rows of the training data.

    ``data`` holds all rows of ``split``, ``documents`` are those that are among them, ``place`` (n,) is each one's row,
    ``member`` (n,) whether it was trained on; ``max_length`` is that of the training.
    """

    split: Split
    data: Any
    documents: list[Mapping[str, Any]]
    place: NDArray[np.intp]
    member: NDArray[np.bool_]
    max_length: int

    def take(self) -> Any:
        """The attacked rows as data of their own, in the data's order; see :meth:`sort`."""
        return keep_rows(self.data, {self.data.rows[i]["id"] for i in self.place})

    def sort(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of :meth:`take`'s rows in the order of the documents."""
        return np.asarray(values[np.unique(self.place, return_inverse=True)[1]])


def find_attacked(engine: Any, checkpoint: Any, documents: Sequence[Mapping[str, Any]]) -> Attacked:
    """The split that a checkpoint was trained on (the base: that of the checkpoints beside it), and documents in it.

    Documents that were neither trained on nor held out (another part of the data set) are left out.

    Raises:
        LorafairError: where there is no split, checkpoints beside it have another one, the data set is not the one
            that was split, documents are none of its rows or differ from them, or are all members or all non-members.
    """
    split, inputs = _find_split(engine, checkpoint)
    data = _load(split, checkpoint.label, str(inputs.get("trainer", "sft")))
    rows = {row["id"]: number for number, row in enumerate(data.rows)}
    kept = [each for each in documents if each["id"] in rows]
    pairs = ((each, data.rows[rows[each["id"]]]) for each in kept)
    strange = [each["id"] for each, row in pairs if any(each.get(k, row[k]) != row[k] for k in CONTENT if k in row)]
    if strange or not kept:
        named = f" ({', '.join(strange[:5])}{', …' if len(strange) > 5 else ''})" if strange else ""
        raise LorafairError(
            f"{len(strange) or len(documents)} documents{named} are no rows of {split.data}, which {checkpoint.label} "
            f"was trained on. Membership is about the training data: --data {split.data}"
        )
    place = np.array([rows[each["id"]] for each in kept], dtype=np.intp)
    members = set(split.members)
    member = np.array([each["id"] in members for each in kept], dtype=np.bool_)
    if member.all() or not member.any():
        raise LorafairError(
            f"All {len(member)} documents are {'members' if member.all() else 'non-members'} of the training set of "
            f"{checkpoint.label}: there is nothing to tell apart. Give more documents, without --limit."
        )
    return Attacked(split, data, kept, place, member, int(inputs.get("max_length", DEFAULTS["max_length"])))


def _find_split(engine: Any, checkpoint: Any) -> tuple[Split, Mapping[str, Any]]:
    """The split, and the inputs of the training that was made with it."""
    fine_tuned = [each for each in engine.checkpoints.values() if each.kind != "base"]
    if not fine_tuned:
        raise LorafairError(f"Only the base is there to be attacked. Add --checkpoint PATH of one with {FILE}.")
    recorded = {each.label: read_split(each.path, each.label) for each in fine_tuned if (each.path / FILE).exists()}
    if checkpoint.kind != "base":
        recorded[checkpoint.label] = read_split(checkpoint.path, checkpoint.label)
    if not recorded:
        raise LorafairError(f"No checkpoint has a {FILE}: train with `lorafair train … --holdout 0.5 --split-seed 1`.")
    raise_faults(
        "Checkpoints were trained on different splits, so that one's members are another's non-members. Probe them "
        "apart (--out), or train them with the same --data, --holdout and --split-seed",
        [
            f"{label}: {each.data}, holdout {each.holdout:g}, split seed {each.seed}."
            for label, each in recorded.items()
            if len({one.sha256 for one in recorded.values()}) > 1
        ],
    )
    label = checkpoint.label if checkpoint.label in recorded else next(iter(recorded))
    inputs = ((engine.checkpoints[label].provenance or {}).get("settings") or {}).get("inputs") or {}
    return recorded[label], inputs


def _load(split: Split, label: str, trainer: str) -> Any:
    from lorafair.data.composition import compose_data
    from lorafair.training_data import load_training_data

    data, mixed = load_training_data(trainer, split.data, split.options), split.composition or {}
    data = compose_data(data, mixed.get("shares"), rows=mixed.get("rows"), seed=mixed.get("seed", 0))
    if data.provenance["sha256"] != split.data_sha256:
        raise LorafairError(
            f"{split.data} is not the data any more that {label} was trained on: its rows were changed. Bring the old "
            "ones back, or train again."
        )
    return data
