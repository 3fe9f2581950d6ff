"""Records of probes as samples, so that they have groups, clusters, intervals and differences like a task's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.identity import Model
from lorafair.probe_record import ProbeRecords, find_probes, is_area, read_finite, read_groups, read_records
from lorafair.samples import Samples

HASH = re.compile(r"[0-9a-f]{32,}")


@dataclass(frozen=True)
class Ranking:
    """What an area under a ROC curve was made from, by document.

    ``scores``: higher means more likely a positive; ``truth``: which it is; ``about``: its cluster and its groups.
    """

    scores: dict[str, float]
    truth: dict[str, bool]
    about: dict[str, tuple[str, dict[str, list[str]]]]


@dataclass(frozen=True)
class ProbeSummary:
    """What a probe estimated of a model as a whole, or of a ``group`` of an ``attribute``; None is "not estimable".

    ``ranking``: of an area under a ROC curve over all documents, what it was made from.
    """

    model: str
    task: str
    probe: str
    measure: str
    label: str
    higher_is_better: bool | None
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    method: str
    attribute: str | None = None
    group: str | None = None
    layer: int | None = None
    notes: tuple[str, ...] = ()
    sample_data: bool = False
    ranking: Ranking | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Probes:
    """Samples and summaries of every probe, and all models: those that were known and those that only probes know."""

    models: dict[str, Model]
    samples: list[Samples]
    summaries: list[ProbeSummary]


def read_probes(
    roots: Iterable[Path], find_label: Callable[[Path], str | None], models: Mapping[str, Model], faults: list[str]
) -> Probes:
    """What ``lorafair probe`` left under the folders.

    A probe's task is called ``probe:NAME``; where models were asked about different documents or with different
    settings, each of these is a task of its own, so that only the same is compared with the same.

    Args:
        find_label: a file's label where the user gave its folder one.
        models: those of the results files, by label: what these say of a model counts.
        faults: takes one sentence for each file that cannot be used.
    """
    known, files = dict(models), list[ProbeRecords]()
    for path in find_probes(roots):
        try:
            one = read_records(path, find_label(path))
        except LorafairError as error:
            faults.append(str(error))
            continue
        other = known.setdefault(one.model.label, one.model)
        if all(HASH.fullmatch(each.hash or "") for each in (one.model, other)) and one.model.hash != other.hash:
            faults.append(
                f"{one.path} is about another model than the other results of the label {one.model.label!r}: name one "
                "of them with `--label FOLDER=name`, or remove what is out of date."
            )
            continue
        files.append(one)
    _name_tasks(files)
    samples = [_as_samples(one) for one in files if one.values]
    return Probes(known, samples, [each for one in files for each in _summarise(one)])


def _name_tasks(files: Sequence[ProbeRecords]) -> None:
    """``probe:NAME``, and behind it what tells apart those that were asked differently."""
    for probe in {one.probe for one in files}:
        mine = [one for one in files if one.probe == probe]
        several = len({one.asked for one in mine}) > 1
        data = {name: len({one.asked for one in mine if one.data == name}) for name in {one.data for one in mine}}
        for one in mine:
            one.task = f"probe:{probe}"
            one.task += f" on {one.data}" if several else ""
            if data[one.data] > 1:
                settings = (one.inputs.get("probe") or {}).get("settings") or {}
                named = ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))
                one.task += f" ({', '.join(part for part in (named, str(one.inputs.get('documents'))[:8]) if part)})"


def _describe(file: ProbeRecords, name: str, layer: int | None) -> tuple[str, bool | None]:
    """How a measure is called, and whether more of it is better."""
    measure = name if layer is None else name.rpartition("@")[0]
    told = file.measures.get(measure) or {}
    label, better = str(told.get("label") or measure), told.get("higher_is_better")
    return label if layer is None else f"{label}, layer {layer}", better if isinstance(better, bool) else None


def _as_samples(file: ProbeRecords) -> Samples:
    places = list(file.places)
    said = {name: _describe(file, name, file.layers.get(name)) for name in sorted(file.values)}
    notes = []
    if file.cut:
        notes.append(
            f"{file.model.label}: {file.cut} of {len(places)} texts of {file.task} are longer than the context and "
            "lost their start"
        )
    return Samples(
        file.model.label,
        file.task,
        None,
        places,
        [file.places[place][0] for place in places],
        [file.places[place][1] for place in places],
        {name: [file.values[name].get(place, math.nan) for place in places] for name in said},
        {name: better for name, (_, better) in said.items()},
        {name: label for name, (label, _) in said.items()},
        {},
        file.sample,
        notes,
        exploratory=frozenset(said),
        probe=file.probe,
        layers=file.layers,
    )


def _summarise(file: ProbeRecords) -> list[ProbeSummary]:
    """What a probe says of the model; of what it says for several attributes each is a measure of its own."""
    found = []
    several = _find_several(file.summaries)
    for each in file.summaries:
        measure, layer = each.get("measure"), each.get("layer")
        if not isinstance(measure, str):
            continue
        layer = layer if type(layer) is int else None
        attribute, group = each.get("attribute"), each.get("group")
        if attribute is None and (groups := read_groups(each.get("groups"))):
            attribute, (group, *_) = next(iter(groups.items()))
        part = f":{attribute}" if measure in several and group is None and attribute is not None else ""
        label, better = _describe(file, measure, None)
        label += f", {attribute}" if part else ""
        name = f"{measure}{part}" if layer is None else f"{measure}{part}@{layer:02d}"
        label += "" if layer is None else f", layer {layer}"
        n = each.get("n")
        clusters = each.get("clusters", n)
        value, low, high = (read_finite(each.get(key)) for key in ("estimate", "low", "high"))
        found.append(
            ProbeSummary(
                file.model.label,
                file.task,
                file.probe,
                name,
                label,
                better,
                value,
                low if value is not None else None,
                high if value is not None else None,
                n if type(n) is int else 0,
                clusters if type(clusters) is int else 0,
                str(each.get("method") or f"of the probe {file.probe}"),
                None if attribute is None or group is None else str(attribute),
                None if attribute is None or group is None else str(group),
                layer,
                (str(each["note"]),) if each.get("note") else (),
                file.sample,
                _rank(file, measure) if attribute is None or group is None else None,
            )
        )
    return found


def _rank(file: ProbeRecords, measure: str) -> Ranking | None:
    """The documents behind an area under a ROC curve; None for other measures, and where none has both numbers."""
    pair = (file.measures.get(measure) or {}).get("area")
    if pair is None or not is_area(pair):
        return None
    score, truth = (file.ranked.get(name, {}) for name in pair)
    known = [place for place in score if math.isfinite(score[place]) and truth.get(place) in (0, 1)]
    if not known:
        return None
    return Ranking(
        {place: score[place] for place in known},
        {place: truth[place] == 1 for place in known},
        {place: file.places[place] for place in known},
    )


def _find_several(summaries: Sequence[Mapping[str, Any]]) -> set[str]:
    """Measures that are given for several attributes, of no group of theirs: what is read of each, say."""
    found: dict[str, set[str]] = {}
    for each in summaries:
        if each.get("group") is None and each.get("attribute") is not None:
            found.setdefault(str(each.get("measure")), set()).add(str(each["attribute"]))
    return {measure for measure, attributes in found.items() if len(attributes) > 1}
