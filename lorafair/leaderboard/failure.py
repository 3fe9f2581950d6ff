"""Columns that a plugin failed on: found before anything is compared, and shown as rows without a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lorafair.identity import Model
from lorafair.isolation import PluginFailed, is_built_in, read_remarks
from lorafair.metric import list_keys, load_metric
from lorafair.records import Row
from lorafair.registry import load_registry
from lorafair.samples import Audit, Samples
from lorafair.statistics.compare import Column
from lorafair.statistics.table import Floats, Metric, Table

Failures = dict[tuple[str, str], str]
"""(task, metric) -> why there is no number."""


class Tried:
    """A stranger's metric that has answered once; should it fail later, NaN takes its place and ``failed`` says why."""

    def __init__(self, name: str) -> None:
        self.failed = ""
        self.entry = load_registry().get("metric", name)
        self._ask = load_metric(name)
        self.__dict__ = vars(self._ask) | self.__dict__

    def __call__(self, table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
        """The metric's answer, or NaN for every key."""
        if not self.failed:
            try:
                return self._ask(table, weights, **settings)
            except PluginFailed as error:
                self.failed = str(error)
        return {key: np.full(len(weights), np.nan) for key in list_keys(table)}


def try_metric(name: str, columns: Sequence[Column]) -> tuple[Metric, list[Column], Failures]:
    """The metric of the registry, the columns that it can measure, and why it fails on the others.

    A stranger's is asked once about each model's documents first, so that a column that fails is in no family.
    """
    failed: Failures = {}
    entry = load_registry().get("metric", name)
    if is_built_in(entry):
        return load_metric(name), list(columns), failed
    try:
        function = Tried(name)
    except PluginFailed as error:
        return load_metric("rate"), [], {(column.task, column.metric): str(error) for column in columns}
    for column in columns:
        tables = [column.table(label)[0] for label in column.values]
        for table in (each for each in tables if len(each.y)):
            function(table, np.ones((2, len(table.y))))
        if function.failed:
            failed[column.task, column.metric], function.failed = function.failed, ""
    return function, [column for column in columns if (column.task, column.metric) not in failed], failed


def add_failures(
    rows: list[Row], audit: Audit, columns: Sequence[Column], metric: Metric, failed: Failures
) -> tuple[list[Row], Failures, list[str]]:
    """The rows, with one for each model and column that has no number because the metric or a scorer failed.

    Returns:
        the rows (none of the metric's own where it failed after it had answered once), why columns failed, and what
        the metric did beside measuring.
    """
    if isinstance(metric, Tried) and metric.failed:
        failed, rows = {(column.task, column.metric): metric.failed for column in columns} | failed, []
    models, more = {model.label: model for model in audit.models}, []
    for one in audit.samples:
        here = {name: why for (task, name), why in failed.items() if task == one.task and name in one.values}
        more += [_describe(models[one.model], one, *item) for item in sorted((one.failed | here).items())]
    said = read_remarks(metric.entry) if isinstance(metric, Tried) else ""
    return rows + more, failed, [said] if said else []


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
