"""Columns that a plugin failed on: found before anything is compared, and shown as rows without a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lorafair.identity import Model
from lorafair.isolation import read_remarks
from lorafair.leaderboard.applicable import Asked, of_scores
from lorafair.leaderboard.column import label_metric
from lorafair.leaderboard.headless import NO_HEAD
from lorafair.leaderboard.model_field import describe_model, describe_nothing
from lorafair.leaderboard.tried import Tried
from lorafair.records import Row
from lorafair.samples import Audit, Samples
from lorafair.statistics.compare import Column
from lorafair.statistics.table import Metric

Failures = dict[tuple[str, str], tuple[str, Column]]
"""(task, metric) -> why there is no number, and the column that it would be in."""


def try_columns(function: Metric, columns: Sequence[Column]) -> tuple[list[Column], Failures]:
    """The columns that their metrics can measure, and why they fail on the others.

    A stranger's is asked once about each model's documents first, so that a column that fails is in no family.

    Args:
        function: the metric of columns without one of their own.
        columns: of all tasks.
    """
    good, failed = [], Failures()
    for column in columns:
        metric = column.function or function
        if isinstance(metric, Tried):
            tables = [column.table(label)[0] for label in column.values]
            for table in (each for each in tables if len(each.y)):
                metric(table, np.ones((2, len(table.y))))
            if why := metric.take_failure():
                failed[column.task, column.metric] = why, column
                continue
        good.append(column)
    return good, failed


def add_failures(
    rows: list[Row],
    audit: Audit,
    columns: Sequence[Column],
    function: Metric,
    failed: Failures,
    metrics: Iterable[Asked] = (),
) -> tuple[list[Row], list[str], list[str]]:
    """The rows, with one for each model and column that has no number because the metric or a scorer failed.

    Args:
        rows: of the columns.
        audit: all models' samples.
        columns: those that were measured.
        function: the metric of columns without one of their own.
        failed: of :func:`try_columns`.
        metrics: those computed beside ``function``; of a score that has no numbers they have none.

    Returns:
        the rows (none of a column whose metric failed after it had answered once), why metrics failed, and what
        strangers' metrics did beside measuring.
    """
    tried = {(c.task, c.metric): (c.function or function, c) for c in columns}
    failed = {k: (m.failed, c) for k, (m, c) in tried.items() if isinstance(m, Tried) and m.failed} | failed
    rows = [row for row in rows if (row.task, row.metric) not in failed]
    models, more, metrics = {model.label: model for model in audit.models}, list[Row](), list(metrics)
    for one in audit.samples:
        here = {m: (why, c) for (task, m), (why, c) in failed.items() if task == one.task and one.model in c.values}
        names = ["", *(f"{each.name}:" for each in metrics if of_scores(each))]
        lost: dict[str, tuple[str, Column | None]] = {
            f"{n}{m}": (why, None) for m, why in one.failed.items() for n in names
        }
        more += [_describe(models[one.model], one, metric, *told) for metric, told in sorted((lost | here).items())]
    strangers = dict.fromkeys(m for m in (function, *(each.function for each in metrics)) if isinstance(m, Tried))
    remarks = [said for m in strangers if (said := read_remarks(m.entry))]
    return rows + more, list(dict.fromkeys(why for why, _ in failed.values())), remarks


def _describe(model: Model, samples: Samples, metric: str, why: str, column: Column | None) -> Row:
    return Row(
        **describe_model(model),
        task=samples.task,
        task_version=samples.version,
        metric=metric,
        metric_label=label_metric(samples, metric),
        higher_is_better=column.higher_is_better if column else samples.direction.get(metric),
        sample_data=samples.sample_data,
        capability=samples.capability,
        **describe_nothing(why),
    )


def list_failures(rows: Iterable[Row]) -> list[str]:
    """One sentence per failed task and metric, for the foot of every table; models are named where not all failed."""
    rows = list(rows)
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.failed and row.failed != NO_HEAD:
            found.setdefault((row.task, row.metric, row.failed), []).append(row.model)
    everyone = {row.model for row in rows}
    return [
        f"Failed: {task}/{metric}{'' if set(models) == everyone else ' for ' + ', '.join(models)}: {why}"
        for (task, metric, why), models in found.items()
    ]
