"""The files that ``lorafair probe`` left: whole, unchanged, and their records sorted into measures.

A record about a document (``id``) is either one measure, ``{"id", "measure", "value"}``, or several by their names,
``{"id", "kl": …, "tv": …}``; a list is a measure by layers, and so is one with ``layer``.  A record with
``scope: model`` is about the model as a whole and was estimated by the probe itself: ``measure``, ``estimate``,
``low``, ``high``, ``n``, and where there are any ``clusters``, ``layer``, ``attribute`` with ``group``, ``method`` (how
the interval was made) and ``note``.  Other records are no rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.identity import Model, identify

LEFT_OUT = ("positions", "cut", "tokens")
"""Numbers of records that say how a measure was made: no measures of a probe that does not name its own."""


@dataclass
class ProbeRecords:
    """One probe's records about one model.

    ``inputs``: what decided them; ``data``: the documents' name, ``sample``: a small set of the project's own.
    ``measures``: what the probe said of them.  ``values``: measure (``name@layer`` by layers) -> document -> number;
    ``places``: document -> its cluster and groups; ``ranked``: what areas under ROC curves were made from, by name ->
    document -> number; ``summaries``: records about the model; ``cut``: documents that were longer than the context.
    """

    path: Path
    model: Model
    probe: str
    inputs: Mapping[str, Any]
    data: str
    sample: bool
    measures: Mapping[str, Mapping[str, Any]]
    task: str = ""
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    places: dict[str, tuple[str, dict[str, list[str]]]] = field(default_factory=dict)
    ranked: dict[str, dict[str, float]] = field(default_factory=dict)
    summaries: list[dict[str, Any]] = field(default_factory=list)
    cut: int = 0

    @property
    def asked(self) -> str:
        """What has to be the same for two models to be compared: documents, and settings of the probe."""
        probe = self.inputs.get("probe")
        settings = probe.get("settings") if isinstance(probe, Mapping) else None
        return json.dumps([self.inputs.get("documents"), settings], sort_keys=True)


def find_probes(roots: Iterable[Path]) -> list[Path]:
    """Provenance files of probes under the folders; ``responses`` folders are skipped."""
    found = (path for root in roots for path in sorted(root.rglob("probe_*.provenance.json")))
    return [path for path in dict.fromkeys(found) if "responses" not in path.parts]


def read_records(provenance: Path, label: str | None) -> ProbeRecords:
    """The records beside a provenance file, which have to be as it says.

    Args:
        label: what to call the model, None for what it was called.

    Raises:
        LorafairError: for a file that cannot be read, was changed, or holds something else than records.
    """
    found = _open(provenance, label)
    _sort(found)
    return found


def _open(provenance: Path, label: str | None) -> ProbeRecords:
    from lorafair.provenance import hash_file

    path = provenance.with_name(f"{provenance.name.removesuffix('.provenance.json')}.jsonl")
    mend = "Give its `lorafair probe` command again, or remove both files."
    try:
        told = json.loads(provenance.read_text(encoding="utf-8"))
        settings, data = told["settings"], told["data"]
        whole = settings["sha256"] == hash_file(path)
        inputs, base, mine = settings["inputs"], settings["base"], settings["checkpoint"]
        record = settings.get("model")
        plain = {"schema": 1, "label": mine["label"], "base": base["name"], "base_hash": base["hash"]}
        plain |= {"kind": "base" if mine["label"] == "base" else "adapter", "hash": mine["hash"]}
        model = identify({"lorafair": record if isinstance(record, dict) else plain}, label)
        name, fact = next(iter(data.items()))
        sample = isinstance(fact, dict) and fact.get("sample") is True
        measures = settings.get("measures") or {}
        if not isinstance(measures, dict) or not all(isinstance(each, dict) for each in measures.values()):
            raise TypeError("measures is no mapping")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration, LorafairError) as error:
        raise LorafairError(f"{provenance} cannot be read as a probe's provenance ({error}). {mend}") from error
    if isinstance(model, str):
        raise LorafairError(f"{provenance} {model}.")
    if not whole:
        raise LorafairError(f"{path} was changed after the probe wrote it, or is not whole. {mend}")
    return ProbeRecords(path, model, path.stem.removeprefix("probe_"), inputs, str(name), sample, measures)


def _sort(file: ProbeRecords) -> None:
    """Sort a file's records into values of documents and summaries of the model."""
    wanted = set(file.measures)
    behind = {name for each in file.measures.values() if is_area(each.get("area")) for name in each["area"]}
    for number, line in enumerate(file.path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            values, place = record["values"], record["id"]
            if not isinstance(values, dict):
                raise TypeError("values is no mapping")
        except (ValueError, KeyError, TypeError) as error:
            raise LorafairError(f"{file.path}:{number} is no record of a probe ({error}). Probe it again.") from error
        if values.get("scope") == "model":
            file.summaries.append(values)
            continue
        if not isinstance(place, str):
            continue
        file.places.setdefault(place, (str(record.get("cluster") or place), read_groups(record.get("groups"))))
        file.cut += values.get("cut") == 1
        for name in behind & values.keys():
            file.ranked.setdefault(name, {})[place] = _number(values[name])
        for measure, layer, value in _list_measures(values, wanted):
            name = measure if layer is None else f"{measure}@{layer:02d}"
            mine = file.values.setdefault(name, {})
            if place in mine:
                raise LorafairError(f"{file.path}:{number} gives {name} of the document {place!r} a second time.")
            mine[place] = value
            if layer is not None:
                file.layers[name] = layer


def _list_measures(values: Mapping[str, Any], wanted: set[str]) -> Iterable[tuple[str, int | None, float]]:
    """(measure, layer, number) of a record about a document; what is no number, as None, is NaN."""
    if isinstance(name := values.get("measure"), str):
        layer = values.get("layer")
        yield name, layer if type(layer) is int else None, _number(values.get("value"))
        return
    for key, value in values.items():
        if key in wanted and isinstance(value, list):
            yield from ((key, layer, _number(each)) for layer, each in enumerate(value))
        elif key in wanted or (not wanted and key not in LEFT_OUT and _is_number(value)):
            yield key, None, _number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float:
    return float(value) if _is_number(value) else math.nan


def read_groups(found: Any) -> dict[str, list[str]]:
    """``{attribute: [names]}`` of a record, without what has another form."""
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(key): [str(name) for name in names] for key, names in pairs if isinstance(names, list) and names}


def read_finite(value: Any) -> float | None:
    """A finite number, None for everything else."""
    number = _number(value)
    return number if math.isfinite(number) else None


def is_area(pair: Any) -> bool:
    """Whether this names two numbers of a document's record: what an area under a ROC curve was made from."""
    return isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
