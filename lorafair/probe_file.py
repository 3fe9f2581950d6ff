"""A probe's records on disk: checked, one file per checkpoint, and what they were made from beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.blame import describe_plugin
from lorafair.checkpoint import LABEL, Checkpoint
from lorafair.errors import LorafairError, raise_faults
from lorafair.probe_record import is_area
from lorafair.record_file import write_records
from lorafair.registry import Entry

if TYPE_CHECKING:
    from lorafair.document import Documents
    from lorafair.probing import ProbePlan
    from lorafair.records import Probed


MEASURE = ("label", "higher_is_better", "area")
"""What a probe may say of one of its measures."""


class ProbeFile:
    """The records of one probe about one checkpoint, under ``out/label``.

    Args:
        inputs: everything that decides the records, as JSON values; equal inputs give equal records.

    Raises:
        LorafairError: if the probe's name cannot be part of a file name.
    """

    def __init__(self, out: Path, label: str, probe: str, inputs: dict[str, Any]) -> None:
        if not LABEL.fullmatch(probe):
            raise LorafairError(f"The probe's name {probe!r} is no file name: letters, digits, '.', '_', '+' and '-'.")
        self.path = out / label / f"probe_{probe}.jsonl"
        self.provenance = self.path.with_suffix(".provenance.json")
        self.inputs = json.loads(json.dumps(inputs))

    def is_done(self) -> bool:
        """Whether the file is there, whole, and was made from the same inputs."""
        from lorafair.provenance import hash_file

        try:
            settings = json.loads(self.provenance.read_text(encoding="utf-8"))["settings"]
            return bool(settings["inputs"] == self.inputs and settings["sha256"] == hash_file(self.path))
        except (OSError, ValueError, KeyError, TypeError, LorafairError):
            return False

    def write(
        self,
        records: Sequence[Probed],
        plan: ProbePlan,
        base: Checkpoint,
        checkpoint: Checkpoint,
        documents: Documents,
        measures: Mapping[str, Any],
    ) -> None:
        """Write the records, then the provenance that vouches for them; an earlier file is replaced when whole.

        Args:
            measures: of :func:`read_measures`, for whoever makes rows of the records.

        Raises:
            LorafairError: if they cannot be written.
        """
        from lorafair.evaluation_fact import describe_model
        from lorafair.provenance import collect_provenance, hash_file

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.provenance.unlink(missing_ok=True)
            write_records(self.path, records)
            told = collect_provenance(
                "probe",
                seeds={"probe": plan.seed},
                data={
                    documents.name: {
                        "sha256": documents.sha256,
                        "documents": len(documents.rows),
                        "sample": documents.sample,
                    }
                },
                settings={
                    "inputs": self.inputs,
                    "sha256": hash_file(self.path),
                    "base": {"name": base.name, "hash": base.hash},
                    "checkpoint": {"label": checkpoint.label, "name": checkpoint.name, "hash": checkpoint.hash},
                    "model": describe_model(base, checkpoint, self.inputs["engine"]),
                    "measures": dict(measures),
                },
            )
            part = self.provenance.with_name(f".{self.provenance.name}.part")
            part.write_text(told.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(self.provenance)
        except OSError as error:
            raise LorafairError(
                f"{self.path} cannot be written: {error.strerror or error}. Other checkpoints' records are kept: mend "
                "it, and give the same command again."
            ) from error


def read_measures(entry: Entry, probe: Any) -> dict[str, dict[str, Any]]:
    """What a probe's function says in ``measures`` of its numbers: name -> ``label``, ``higher_is_better``, ``area``.

    Empty where it says nothing: every number of its records is then a measure without a direction.  ``area``, of
    areas under ROC curves, names the two numbers of a document's record that it was made from: the score (higher means
    more likely a positive) and the truth (0 or 1).

    Raises:
        LorafairError: for anything else than such a mapping, all faults at once.
    """
    told = getattr(probe, "measures", {})
    faults = []
    if not isinstance(told, Mapping):
        faults.append(f"it is {type(told).__name__}, not a mapping of names to what they are.")
        told = {}
    found: dict[str, dict[str, Any]] = {}
    for name, each in told.items():
        if not isinstance(name, str) or not isinstance(each, Mapping):
            faults.append(f"{name!r} is no name with a mapping of label and higher_is_better.")
            continue
        if unknown := [str(key) for key in each if key not in MEASURE]:
            faults.append(f"{name} has the unknown keys {', '.join(unknown)}: there are {', '.join(MEASURE)}.")
        if not isinstance(each.get("label", ""), str):
            faults.append(f"{name}: label is no text.")
        if not isinstance(each.get("higher_is_better"), bool | None):
            faults.append(f"{name}: higher_is_better is neither True nor False nor None.")
        pair = each.get("area")
        if not is_area(pair) and pair is not None:
            faults.append(f"{name}: area is no pair of names, (score, truth).")
        found[name] = {"label": each.get("label", name), "higher_is_better": each.get("higher_is_better")}
        found[name] |= {"area": list(pair)} if pair is not None and is_area(pair) else {}
    raise_faults(f"The attribute measures of the {describe_plugin(entry)} cannot be used", faults)
    return found


def as_records(entry: Entry, label: str, found: Sequence[Any], documents: Documents) -> list[Probed]:
    """A probe's answers as records; each gets the groups and the cluster of the document that it is about.

    Numbers of numpy and torch become Python's, what is not finite becomes None.

    Raises:
        LorafairError: with all records that are none: no mapping, names that are no strings, an ``id`` that no
            document has, values that JSON does not know.
    """
    from lorafair.records import Probed

    rows = {row["id"]: row for row in documents.rows}
    records, faults = [], []
    for number, each in enumerate(found, start=1):
        if not isinstance(each, Mapping) or not all(isinstance(key, str) for key in each):
            faults.append(f"record {number} is no mapping with names, but {type(each).__name__}.")
            continue
        place = None if each.get("id") is None else str(each["id"])
        if place is not None and place not in rows:
            faults.append(f"record {number} is about a document {place!r}, which it was not given.")
            continue
        about = rows.get(place or "", {})
        try:
            values = {key: _as_json(value) for key, value in each.items() if key != "id"}
        except TypeError as error:
            faults.append(f"record {number}: {error}.")
            continue
        groups = {name: list(members) for name, members in (about.get("groups") or {}).items()}
        records.append(
            Probed(probe=entry.name, model=label, id=place, groups=groups, cluster=about.get("cluster"), values=values)
        )
    if not found:
        faults.append("it gave no records.")
    if len(faults) > 10:
        faults = [*faults[:10], f"and {len(faults) - 10} more."]
    raise_faults(f"The {describe_plugin(entry)} gave answers that are no records on {label}", faults)
    return records


def _as_json(value: Any) -> Any:
    """The value as JSON knows it; raises TypeError for what it does not."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    if hasattr(value, "tolist"):  # numpy and torch
        return _as_json(value.tolist())
    raise TypeError(f"a value is {type(value).__name__}, which JSON does not know")
