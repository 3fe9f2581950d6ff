"""Samples of all models arranged as one column per task and metric, and which model is compared with which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import LorafairError, did_you_mean
from lorafair.identity import Model
from lorafair.leaderboard.applicable import Asked, list_tables, of_scores, select_metrics
from lorafair.leaderboard.frame import Frame, arrange_task, note_positives
from lorafair.samples import Audit, Samples
from lorafair.statistics.compare import Column
from lorafair.statistics.table import Floats, Table

BY_LAYER = 500
"""Resamples of a probe's measure at one layer: there are dozens of such columns, and a figure draws them."""


def arrange(audit: Audit, metrics: Sequence[Asked] | None = None) -> list[Column]:
    """One column per (task, per-document value) and one per (task, metric) that the task's labels and answers allow.

    ``acc`` gives way to ``accuracy`` where both say the same of every document; a value that the samples call like a
    metric stands in its place, with a note.  Descriptive metrics are none of these:
    :func:`lorafair.leaderboard.descriptive.describe_groups`.

    Args:
        audit: all models' samples.
        metrics: of :func:`select_metrics`, the default ones if None; columns of others are exploratory.
    """
    columns, metrics = [], select_metrics() if metrics is None else metrics
    for task in sorted({one.task for one in audit.samples}):
        found, frame, tables = arrange_task(audit, task)
        note_positives(task, found)
        shape: dict[str, Any] = {"cluster": frame.cluster, "groups": frame.groups, "names": frame.names}
        shape["conditions"] = frozenset().union(*(one.conditions for one in found))
        shape["rates"] = not any(one.probe for one in found)
        labelled = _arrange_metrics(task, found, frame, tables, [one for one in metrics if not one.descriptive])
        own = {name for one in found for name in one.values}
        labelled = [one for one in labelled if one.metric not in own]
        accuracy = next((c.values for c in labelled if c.metric == "accuracy"), None)
        for metric in sorted(own):
            values = {o.model: frame.spread(o, o.values[metric]) for o in found if metric in o.values}
            known = any(not np.isnan(each).all() for each in values.values())
            if not known:
                _note(found, f"{task}: {metric} has no score in any document")
            if known and not (metric == "acc" and accuracy is not None and _are_equal(values, accuracy)):
                direction = next((d for one in found if (d := one.direction.get(metric)) is not None), None)
                # without a direction no claim, and so no test in the family
                primary = direction is not None and not any(metric in one.exploratory for one in found)
                unscored = {o.model: o.partial[metric] for o in found if metric in o.partial} or None
                column = Column(task, metric, values, higher_is_better=direction, **shape)
                if any(metric in one.layers for one in found):
                    column = replace(column, resamples=BY_LAYER)
                columns.append(replace(column, primary=primary, unscored=unscored))
        columns += labelled
        for name in sorted(own & {one.name for one in metrics}):
            _note(found, f"{task}: {name} is what its samples say themselves, not the metric of that name")
    return columns


def _note(found: list[Samples], note: str) -> None:
    if note not in found[0].notes:
        found[0].notes.append(note)


def _arrange_metrics(
    task: str, found: list[Samples], frame: Frame, tables: Mapping[str, Table], metrics: list[Asked]
) -> list[Column]:
    """Columns of the metrics that apply: per-document values where a metric is their mean, tables where it is not."""
    columns = []
    shape: dict[str, Any] = {"cluster": frame.cluster, "groups": frame.groups, "names": frame.names}
    shape["conditions"] = frozenset().union(*(one.conditions for one in found))
    for one in metrics:
        for name, each in list_tables(one, found, frame, tables):
            usable = {label: find_usable(one, table) for label, table in each.items()}
            values = {label: value_documents(one, table, usable[label]) for label, table in each.items()}
            if all(np.isnan(value).all() for value in values.values()):
                continue
            whole = None if hasattr(one.function, "document_value") else one.function
            better = one.higher_is_better
            if better is None and of_scores(one):
                value = name.partition(":")[2]
                better = next((d for o in found if (d := o.direction.get(value)) is not None), None)
            column = Column(task, name, values, higher_is_better=better, **shape)
            mine = {o.model: frame.find_rows(o) for o in found}
            unscored = {label: int((~usable[label][mine[label]]).sum()) for label in each}
            primary = one.primary and better is not None
            whole_tables = None if whole is None or _is_mean(one) else each
            columns.append(replace(column, function=whole, tables=whole_tables, primary=primary, unscored=unscored))
    return columns


def find_usable(metric: Asked, table: Table) -> NDArray[np.bool_]:
    """(n,) documents that have the columns which the metric needs."""
    usable = np.ones(len(table.y), dtype=bool)
    if "y" in metric.needs:
        usable &= ~np.isnan(table.y)
    if "answer" in metric.needs and table.answer is not None:
        usable &= table.answer >= 0
    for need in ("prob", "confidence", "score"):
        if need in metric.needs:
            usable &= ~np.isnan(getattr(table, need))
    if "logprob" in metric.needs and table.logprob is not None:
        usable &= ~np.isnan(table.logprob).all(axis=1)
    return usable


def value_documents(metric: Asked, table: Table, usable: NDArray[np.bool_] | None = None) -> Floats:
    """(n,) what the metric is the mean of, or for one that is no mean 0 where it can be computed; NaN elsewhere.

    Args:
        metric: what is to be computed.
        table: of n documents.
        usable: (n,) :func:`find_usable` of both, where it is known already.
    """
    usable, values = find_usable(metric, table) if usable is None else usable, np.full(len(table.y), np.nan)
    if usable.any():
        one: Callable[[Table], Floats] | None = getattr(metric.function, "document_value", None)
        values[usable] = (
            one(table if usable.all() else table.take(usable)) if one else table.y[usable] if _is_mean(metric) else 0.0
        )
    return values


def label_metric(samples: Samples, metric: str) -> str:
    """How a table calls a row's metric: by the task's own label of the value, ``best of LABEL`` for ``best:value``."""
    name, _, value = metric.partition(":")
    return f"{name} of {samples.labels.get(value, value)}" if value else samples.labels.get(metric, metric)


def _is_mean(metric: Asked) -> bool:
    """Whether the metric is the mean of the score that it is asked about, so that exact bounds apply."""
    return of_scores(metric) and bool(getattr(metric.function, "mean_of_y", False))


def _are_equal(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> bool:
    return all(label in other and np.array_equal(each, other[label], equal_nan=True) for label, each in one.items())


def find_references(model: Model, models: Iterable[Model], against: str | None) -> list[str]:
    """The labels that a model is compared with: its base, the full fine-tuning of that base, and ``against``.

    The base is the one whose hash (else whose name) the model's own record gives, or the only one there is; of several
    full checkpoints that are no planted control the first by label.  A base is compared with ``against`` only.

    Raises:
        LorafairError: if no model is called ``against``.
    """
    models = list(models)
    labels = [one.label for one in models]
    if against is not None and against != "base" and against not in labels:
        raise LorafairError(f"--against {against!r}: no model has that label.{did_you_mean(against, labels)}")
    found: list[str] = []
    if model.kind != "base":
        bases = [one for one in models if one.kind == "base" and (one.probed or not one.headless)]
        same = [one for one in bases if _same_base(model, one)]
        found += [one.label for one in (same or (bases if len(bases) == 1 else []))[:1]]
        full = [
            o for o in models if o.kind == "full" and o.planted is None and (len(bases) < 2 or _same_base(o, model))
        ]
        found += [one.label for one in full[:1]]
    if against is not None:
        found += [against]
    return [label for label in dict.fromkeys(found) if label != model.label and label in labels]


def _same_base(model: Model, base: Model) -> bool:
    if model.base_hash and base.base_hash:
        return model.base_hash == base.base_hash
    return bool(model.base) and model.base == base.base
