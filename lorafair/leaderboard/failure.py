"""Columns that a plugin failed on: found before anything is compared, and shown as rows without a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lorafair.identity import Model
from lorafair.isolation import PluginFailed, read_remarks
from lorafair.metric import load_metric
from lorafair.records import Row
from lorafair.registry import load_registry
from lorafair.samples import Audit, Samples
from lorafair.statistics.compare import Column
from lorafair.statistics.table import Metric

Failures = dict[tuple[str, str], str]
"""(task, metric) -> why there is no number."""


def try_metric(name: str, columns: Sequence[Column]) -> tuple[Metric, list[Column], Failures]:
    """The metric of the registry, the columns that it can measure, and why it fails on the others.

    Asked once about each model's documents, with weights of one, so that a column that fails is in no family.
    """
    failed: Failures = {}
    try:
        function = load_metric(name)
    except PluginFailed as error:
        return _refuse, [], {(column.task, column.metric): str(error) for column in columns}
    for column in columns:
        try:
            for label in column.values:
                table, scored = column.table(label)
                if scored.any():
                    function(table, np.ones((2, len(table.y))))
        except PluginFailed as error:
            failed[column.task, column.metric] = str(error)
    return function, [column for column in columns if (column.task, column.metric) not in failed], failed


def _refuse(*_: object, **__: object) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    raise PluginFailed("a metric that could not be loaded was asked")


def list_failed_rows(audit: Audit, failed: Mapping[tuple[str, str], str]) -> list[Row]:
    """A row for each model and column that has no number because a metric (``failed``) or a scorer failed."""
    models, rows = {model.label: model for model in audit.models}, []
    for one in audit.samples:
        here = {metric: why for (task, metric), why in failed.items() if task == one.task and metric in one.values}
        rows += [_describe(models[one.model], one, *item) for item in sorted((one.failed | here).items())]
    return rows


def tell_remarks(metric: str) -> list[str]:
    """What the metric's plugin did beside measuring, for the foot lines."""
    said = read_remarks(load_registry().get("metric", metric))
    return [said] if said else []


def _describe(model: Model, samples: Samples, metric: str, why: str) -> Row:
    return Row(
        model=model.label,
        base=model.base,
        method=model.method,
        rank=model.rank,
        trainable_parameters=model.trainable_parameters,
        engine=model.engine,
        verified=model.verified,
        planted=model.planted,
        task=samples.task,
        task_version=samples.version,
        metric=metric,
        metric_label=samples.labels.get(metric, metric),
        higher_is_better=samples.direction.get(metric),
        kind="overall",
        attribute=None,
        group=None,
        estimate=None,
        low=None,
        high=None,
        method_interval="",
        n=0,
        clusters=0,
        descriptive=False,
        sample_data=samples.sample_data,
        failed=why,
    )


def list_failures(rows: Iterable[Row]) -> list[str]:
    """One sentence per failed task and metric, for the foot of every table; models are named where not all failed."""
    rows = list(rows)
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.failed:
            found.setdefault((row.task, row.metric, row.failed), []).append(row.model)
    everyone = {row.model for row in rows}
    return [
        f"Failed: {task}/{metric}{'' if set(models) == everyone else ' for ' + ', '.join(models)}: {why}"
        for (task, metric, why), models in found.items()
    ]
