"""Read audits from disk: results and samples files, ours or those of plain ``lm_eval --log_samples``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.agreement import find_disagreements
from lorafair.answer import Answers
from lorafair.collection import collect_later
from lorafair.content import read_ahead
from lorafair.decision import Decision, read_decision
from lorafair.errors import raise_faults
from lorafair.identity import Model
from lorafair.leaderboard.headless import mark_headless
from lorafair.result_folder import ResultFile, find_label, find_results, is_labelled
from lorafair.sample_column import Columns, Shared
from lorafair.sample_copy import Source, load_columns, make_copies, open_samples
from lorafair.scores import read_direction, read_failures, read_scores

if TYPE_CHECKING:
    from lorafair.probe_sample import ProbeSummary


@dataclass
class Samples:
    """One model's answers to one task, as columns over its n documents.

    ``keys``: a document's identity (its number and lm-eval's hash of it); ``clusters``: a document's ``cluster``, else
    its ``pair``, else itself; ``groups``: ``{attribute: [names]}`` of each; ``values``: metric -> n numbers, NaN where
    a document was not scored.  ``direction``: metric -> higher_is_better, None where nobody says.  ``answers``: labels
    and answers, where the samples tell them; ``path``: their file; ``starts``: the byte at which a document's line
    begins in it.  ``exploratory``: metrics that the task's metadata calls so; ``partial``: those that it calls about
    some documents only -> how many of these have no number.  ``decision``: why not everything was asked, if so.
    ``probe``: the probe that measured the values, None for a task's; ``layers``: those of its values that are about a
    layer -> which.  Models that agree share the lists: do not change
    them.
    """

    model: str
    task: str
    version: str | None
    keys: list[str]
    clusters: list[str]
    groups: list[dict[str, list[str]]]
    values: dict[str, Sequence[float]]
    direction: dict[str, bool | None]
    labels: dict[str, str]
    scorer_gap: dict[str, dict[str, float]]
    sample_data: bool
    notes: list[str]
    failed: dict[str, str] = field(default_factory=dict)  # metric without a number -> why its scorer failed
    answers: Answers | None = None
    path: Path | None = None
    starts: Sequence[int] = ()
    exploratory: frozenset[str] = frozenset()
    partial: dict[str, int] = field(default_factory=dict)
    conditions: frozenset[str] = frozenset()  # attributes that are no people, as the task says
    decision: Decision | None = None
    probe: str | None = None
    layers: dict[str, int] = field(default_factory=dict)

    @property
    def capability(self) -> bool:
        """Whether the task asks about nobody in particular: no document names a group, so nothing is about fairness."""
        return self.probe is None and not any(self.groups)


@dataclass
class Audit:
    """What the folders hold: the models, by label and base first, their samples, and the folders that were read.

    ``arranged``: what :func:`lorafair.leaderboard.frame.arrange_task` made of it.  ``summaries``: what probes say of a
    model as a whole, estimated by themselves.
    """

    models: list[Model]
    samples: list[Samples]
    folders: list[Path] = field(default_factory=list)
    arranged: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    summaries: list[ProbeSummary] = field(default_factory=list)


def read_audit(folders: Iterable[str | Path], labels: Mapping[str, str] | None = None) -> Audit:
    """Read every ``results_*.json`` under the folders, and beside it the samples with the same time stamp; and probes.

    Of several files for one label and task the newest counts (by the time stamp in its name).  What ``lorafair probe``
    left under the folders comes as samples of tasks of its own (:func:`lorafair.probe_sample.read_probes`).

    Args:
        folders: searched recursively; ``responses`` folders are skipped.
        labels: folder (a path, or the last part of one) -> the label of the results in it.

    Raises:
        LorafairError: with every fault at once: no results, files that are not lm-eval's, an unknown schema, a results
            file without its samples, broken lines before the last, labels that cannot be told or that stand for two
            different models.
    """
    from lorafair.probe_record import find_probes
    from lorafair.probe_sample import read_probes

    roots, names, faults = [Path(folder) for folder in folders], dict(labels or {}), list[str]()
    found = [one for root in roots for one in find_results(root, names, faults)]
    for name in names:
        if (
            not any(is_labelled(path, name) for path in [*(one.path for one in found), *find_probes(roots)])
            and not faults
        ):
            faults.append(f"--label {name}={names[name]}: no results lie under a folder {name!r}.")
    models: dict[str, ResultFile] = {}
    newest: dict[tuple[str, str], ResultFile] = {}
    for one in sorted(found, key=lambda each: each.stamp):
        other = models.setdefault(one.model.label, one)
        if other.model.content != one.model.content:
            faults.append(
                f"{one.path} and {other.path} are two different models with one label, {one.model.label!r}: name one "
                f"of them with `--label FOLDER=name`, or remove the results that are out of date."
            )
        models[one.model.label] = one
        for task in one.results["configs"]:
            newest[one.model.label, task] = one
    known = {one.model.label: one.model for one in models.values()}
    probed = read_probes(roots, lambda path: find_label(path, names), known, faults)
    faults += find_disagreements((task, label, one.results) for (label, task), one in sorted(newest.items()))
    shared = Shared()
    wanted = [(one, task) for (_, task), one in sorted(newest.items(), key=_first)]
    with collect_later():
        about = {_name_samples(one, task): (task, _read_metadata(one, task)) for one, task in wanted}
        make_copies([(path, *told) for path, told in about.items()])
        paths = [path for path in about if path.is_file()]
        with read_ahead(paths, lambda path: open_samples(path, *about[path], shared)) as read:
            samples = [_read_samples(one, task, shared, faults, read) for one, task in wanted]
    raise_faults("The results cannot be compared", dict.fromkeys(faults))
    everyone = mark_headless(
        (one.results for one in models.values()), list(known.values()), list(probed.models.values())
    )
    order = sorted(everyone, key=lambda m: (m.kind != "base", m.label))
    whole = [*(one for one in samples if one is not None), *probed.samples]
    return Audit(order, whole, roots, summaries=probed.summaries)


def _first(item: tuple[tuple[str, str], ResultFile]) -> tuple[str, str]:
    return item[0]


def _name_samples(found: ResultFile, task: str) -> Path:
    return found.path.with_name(f"samples_{task}_{found.stamp}.jsonl")


def _read_metadata(found: ResultFile, task: str) -> dict[str, Any]:
    return _mapping(_mapping(found.results["configs"].get(task)).get("metadata"))


def _read_samples(
    found: ResultFile, task: str, shared: Shared, faults: list[str], read: Callable[[Path], Source]
) -> Samples | None:
    path = _name_samples(found, task)
    if not path.is_file():
        faults.append(f"{found.path} has no {path.name} beside it: run the evaluation again with `--log_samples`.")
        return None
    metadata = _read_metadata(found, task)
    try:
        columns = load_columns(path, task, metadata, shared, faults, read)
    except OSError as error:
        faults.append(f"{path} cannot be read ({error.strerror}).")
        return None
    return None if columns is None else _join(found, task, columns, metadata, faults, path)


def _join(
    found: ResultFile, task: str, columns: Columns, metadata: dict[str, Any], faults: list[str], path: Path
) -> Samples:
    """The file's columns with what stands elsewhere: scores, and what the results file says of the task."""
    values = dict(columns.values)
    for scorer, by_document in read_scores(path.parent, found.model.label, task, faults).items():
        name = f"toxicity_{scorer}"
        own = values.get(name, [math.nan] * len(columns.numbers))
        new = [name not in told and n in by_document for n, told in zip(columns.numbers, columns.scored, strict=True)]
        if any(new):
            both = zip(columns.numbers, own, new, strict=True)
            values[name] = [by_document[n] if fresh else value for n, value, fresh in both]
    metrics = sorted(values)
    direction = _mapping(_mapping(found.results.get("higher_is_better")).get(task)) | columns.direction
    version = _mapping(found.results.get("versions")).get(task)
    failed, remarks = read_failures(path, metadata)
    return Samples(
        found.model.label,
        task,
        None if version is None else str(version),
        columns.keys,
        columns.clusters,
        columns.groups,
        {metric: values[metric] for metric in metrics},
        {m: _direction(direction, m, path.parent) for m in metrics},
        {str(k): str(v) for k, v in _mapping(metadata.get("labels")).items()} | columns.labels,
        {str(m): _gaps(each) for m, each in _mapping(metadata.get("scorer_gap")).items()},
        _is_sample(metadata.get("data")),
        [*(f"{found.model.label}: {note}" for note in columns.model_notes), *columns.notes, *remarks],
        {metric: why for metric, why in failed.items() if metric not in metrics},
        columns.answers,
        path,
        columns.starts,
        frozenset(map(str, metadata.get("exploratory") or ())),
        {m: columns.blank.get(m, 0) for m in metadata.get("partial") or ()},
        frozenset(map(str, _list(metadata.get("conditions")))),
        read_decision(found.results),
    )


def _direction(known: dict[str, Any], metric: str, folder: Path) -> bool | None:
    value = known.get(metric, known.get(metric.partition(",")[0]))
    if isinstance(value, bool) or not metric.startswith("toxicity_"):
        return value if isinstance(value, bool) else None
    return read_direction(metric.removeprefix("toxicity_").partition(",")[0], folder)


def _gaps(found: Any) -> dict[str, float]:
    return {str(a): float(g) for a, g in _mapping(found).items() if isinstance(g, int | float)}


def _is_sample(data: Any) -> bool:
    if isinstance(data, dict):
        return data.get("sample") is True or any(_is_sample(value) for value in data.values())
    return isinstance(data, list) and any(_is_sample(value) for value in data)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
