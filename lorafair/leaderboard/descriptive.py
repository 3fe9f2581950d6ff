"""Rows of descriptive metrics: one per model, task, metric and attribute, without a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lorafair.fork import share_work
from lorafair.leaderboard.applicable import Asked, list_tables, select_metrics
from lorafair.leaderboard.column import find_usable
from lorafair.leaderboard.frame import arrange_task
from lorafair.records import Comparison, Row
from lorafair.samples import Audit
from lorafair.statistics.descriptive import compare_described, describe
from lorafair.statistics.grouping import average, spread
from lorafair.statistics.pair import LEAST
from lorafair.statistics.projection import METHOD
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Table

NOTE = "biased by noise, it carries no verdict"
MANY = 4
"""Tasks from which on each is described by one process: different metrics may have the same values."""
PARITY = ("selection_rate", "demographic_parity_difference", "demographic_parity_ratio")


def describe_groups(
    audit: Audit,
    rows: list[Row],
    references: Mapping[str, list[str]],
    settings: Settings,
    metrics: Sequence[Asked] | None = None,
) -> list[Row]:
    """The rows of all descriptive metrics that apply, in the order of tasks, metrics, models and attributes.

    A row compares with a reference by the difference of the two numbers over common documents, its interval projected.
    Rows of demographic parity, those of the selection rate's gap among ``rows`` too, get the labels' own difference.

    Args:
        audit: all models' samples.
        rows: those that are there already; a model's facts are taken from them.
        references: a model's label -> those it is compared with.
        settings: of the intervals.
        metrics: of :func:`select_metrics`, the default ones if None.
    """
    metrics = [one for one in (select_metrics() if metrics is None else metrics) if one.descriptive]
    tasks = sorted({one.task for one in audit.samples})
    like: dict[str, dict[str, Row]] = {task: {} for task in tasks}
    for row in rows:
        if row.kind == "overall" and row.task in like:
            like[row.task][row.model] = row
    asked, weights = list[tuple[str, list[Asked]]](), list[float]()
    for task in tasks:
        mine, frame, _ = arrange_task(audit, task)
        own = {name for one in mine for name in one.values}  # a value of that name is shown in its place
        alike: dict[tuple[object, ...], list[Asked]] = {}  # what is made of the same levels is made by one process
        for metric in metrics:
            if metric.name not in own:
                parts = getattr(metric.function, "parts", ()) or (metric.name,)
                alike.setdefault(parts if len(tasks) < MANY else (task,), []).append(metric)
        asked += [(task, each) for each in alike.values()]
        cells = float(settings.resamples) * len(mine) * (int(frame.cluster.max(initial=-1)) + 1)
        weights += [cells * len(each) for each in alike.values()]

    def make(k: int) -> list[tuple[str, str, list[Row]]]:
        task, alike = asked[k]
        each = [(one, *two) for one in alike for two in list_tables(one, *arrange_task(audit, task))]
        return [(task, one.name, _describe(one, n, t, like[task], references, settings)) for one, n, t in each]

    alone = [k for k, (_, each) in enumerate(asked) if any(getattr(one.function, "alone", False) for one in each)]
    made = [each for many in share_work(make, weights, least=LEAST, alone=alone) for each in many]
    order = {one.name: k for k, one in enumerate(metrics)}
    made.sort(key=lambda each: (each[0], order[each[1]]))
    found = [row for _, _, rows in made for row in rows]
    known: dict[tuple[str, str, bytes], float | None] = {}  # most models answered the very same documents
    for row in (r for r in [*rows, *found] if r.kind == "gap" and r.metric in PARITY and r.task in like):
        tables = arrange_task(audit, row.task)[2]
        if tables:
            table = tables[row.model]
            key = row.task, str(row.attribute), table.y.tobytes()
            if key not in known:
                known[key] = _measure_labels(table, str(row.attribute))
            row.label_gap = known[key]
    return found


def _describe(
    metric: Asked,
    name: str,
    tables: dict[str, Table],
    like: Mapping[str, Row],
    references: Mapping[str, list[str]],
    settings: Settings,
) -> list[Row]:
    rows = []
    usable = {label: find_usable(metric, table) for label, table in tables.items()}
    narrow: dict[tuple[str, bytes], Table] = {}  # references are asked for again and again

    def take(label: str, rows: NDArray[np.bool_]) -> Table:
        key = label, rows.tobytes()
        if key not in narrow:
            narrow[key] = tables[label].take(rows)
        return narrow[key]

    for label in tables:
        if label not in like or not usable[label].any():
            continue
        own = take(label, usable[label])
        for attribute, estimate in describe(metric.function, own, settings).items():
            comparisons = []
            for reference in (one for one in references.get(label, []) if one in tables):
                common = usable[label] & usable[reference]
                pair = [take(each, common) for each in (label, reference)]
                if common.any() and attribute in pair[0].groups:
                    comparisons.append(_compare(metric, pair[0], pair[1], attribute, reference, settings))
            member = own.groups[attribute]
            update = {
                "metric": name,
                "metric_label": f"{name} by {attribute}",
                "higher_is_better": metric.higher_is_better,
                "kind": "gap",
                "attribute": attribute,
                "estimate": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "method_interval": estimate.method,
                "n": int(member.any(axis=1).sum()),
                "clusters": len(np.unique(own.cluster[member.any(axis=1)])),
                "group_n": {g: int(member[:, k].sum()) for k, g in enumerate(own.names[attribute])},
                "descriptive": True,
                "comparisons": comparisons,
                "notes": [NOTE],
            }
            rows.append(like[label].model_copy(update=update))
    return rows


def _compare(metric: Asked, one: Table, other: Table, attribute: str, reference: str, settings: Settings) -> Comparison:
    """The difference of the two numbers over common documents, with a projected interval: no p, no verdict."""
    difference, low, high = compare_described(metric.function, one, other, attribute, settings)
    return Comparison(
        reference=reference,
        quantity="level",
        difference=difference,
        low=low,
        high=high,
        method="descriptive" if low is None else METHOD,
        p=None,
        p_adjusted=None,
        minimum_detectable=None,
        documents=len(one.y),
        clusters=one.clusters,
        verdict="no claim",
    )


def _measure_labels(table: Table, attribute: str) -> float | None:
    """Largest minus smallest share of positive labels over the attribute's groups, in the answered documents."""
    known = table.take(~np.isnan(table.y))
    if attribute not in known.groups or table.positive is None:
        return None
    few = known.keep(attribute, known.names[attribute])
    positive = np.asarray(few.y == few.positive, dtype=np.float64)
    found = average(positive, few, few.count[None, :])
    levels = np.column_stack([found[f"group:{attribute}={name}"] for name in few.names[attribute]])
    gap = float(spread(levels)[0])
    return gap if np.isfinite(gap) else None
