"""One samples file as columns over its documents: what its text says, the same from the file and from its copy."""

from __future__ import annotations

import hashlib
import json
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from lorafair.answer import GIVEN, Answers, read_answers
from lorafair.group_mapping import map_samples
from lorafair.sample_line import read_cluster, read_groups, read_lines

_NO_METRIC = {"bypass", *GIVEN}


@dataclass
class Columns:
    """n documents in the order of the file.

    ``numbers``: their ``doc_id``; ``keys``: number and lm-eval's hash; ``clusters``, ``groups``: as in
    :class:`lorafair.samples.Samples`; ``values``: metric -> n numbers, NaN where there is none; ``scored``: the metrics
    called toxicity that the line itself holds, of each document; ``starts``: the byte at which its (first) line begins;
    ``answers``: labels and answers, where told; ``model_notes``: sentences about this model's file, ``notes``: about
    the task; ``direction``, ``labels``: of values that a mapping of the registry made; ``blank``: metric -> how many
    documents have it without a number.
    """

    numbers: list[Any]
    keys: list[str]
    clusters: list[str]
    groups: list[dict[str, list[str]]]
    values: dict[str, Sequence[float]]
    scored: list[tuple[str, ...]]
    starts: Sequence[int]
    answers: Answers | None = None
    model_notes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    direction: dict[str, bool] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    blank: dict[str, int] = field(default_factory=dict)


class Shared:
    """Lists that many files agree on (keys, groups, labels, …), held once: what is equal is the same object."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, str], list[Any]] = {}

    def find(self, kind: str, digest: str) -> list[Any] | None:
        """The list of that kind with that digest, where one was kept."""
        return self._lists.get((kind, digest))

    def keep(self, kind: str, digest: str, found: list[Any]) -> list[Any]:
        """The list, or the one that was kept first."""
        return self._lists.setdefault((kind, digest), found)


def digest_list(found: list[Any]) -> str:
    """What tells a list of texts, numbers or groups from every other one."""
    try:
        text = to_json(found)
    except ValueError:  # text that is no Unicode
        text = json.dumps(found, ensure_ascii=True).encode("ascii")
    return hashlib.sha256(text).hexdigest()


def read_columns(path: Path, data: bytes, task: str, metadata: Mapping[str, Any], faults: list[str]) -> Columns | None:
    """The columns of a samples file's text.

    Args:
        path: the file, for messages.
        data: what it holds.
        task: its task; ``metadata``: the task's, from the results file.
        faults: gets a sentence for all that is wrong.

    Returns:
        None where the file cannot be used.
    """
    about, notes = list[str](), list[str]()
    parsed = read_lines(path, data, about, faults)
    if parsed is None:
        return None
    mapped = map_samples(task, [sample for _, sample in parsed])
    filters = {str(sample.get("filter", "none")) for _, sample in parsed}
    documents: dict[Any, dict[str, float]] = {}
    first: dict[Any, dict[str, Any]] = {}
    starts: dict[Any, int] = {}
    skipped, repeated = set[str](), 0
    seen = set[tuple[Any, str]]()
    for start, sample in parsed:
        number, kind = sample["doc_id"], str(sample.get("filter", "none"))
        if (number, kind) in seen:
            repeated += 1
            continue
        seen.add((number, kind))
        if number not in first:
            first[number], starts[number], documents[number] = sample, start, {}
        row = documents[number]
        for metric in (m for m in sample["metrics"] if isinstance(m, str) and ":" not in m and m not in _NO_METRIC):
            value = sample.get(metric)
            if isinstance(value, bool | int | float) or value is None:
                row[f"{metric},{kind}" if len(filters) > 1 else metric] = math.nan if value is None else float(value)
            else:
                skipped.add(metric)
    if repeated:
        about.append(f"{repeated} repeated documents of {path.name} were left out")
    if skipped:
        notes.append(f"{task}: {', '.join(sorted(skipped))} is not one number a document and is not compared")
    samples = list(first.values())
    answers = read_answers(samples, metadata, task, str(path), faults)
    notes += [*mapped.notes, *(answers.notes if answers else [])]
    metrics = sorted({metric for row in documents.values() for metric in row})
    return Columns(
        list(first),
        [f"{number}:{sample.get('doc_hash', '')}" for number, sample in first.items()],
        [read_cluster(sample) for sample in samples],
        [read_groups(sample, path, faults) for sample in samples],
        {metric: array("d", [row.get(metric, math.nan) for row in documents.values()]) for metric in metrics},
        [tuple(m for m in s["metrics"] if isinstance(m, str) and m.startswith("toxicity_")) for s in samples],
        array("q", starts.values()),
        answers,
        about,
        notes,
        mapped.direction,
        mapped.labels,
        {metric: sum(math.isnan(row.get(metric, 0)) for row in documents.values()) for metric in metrics},
    )
