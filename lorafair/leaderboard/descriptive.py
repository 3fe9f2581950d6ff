"""Rows of descriptive metrics: one per model, task, metric and attribute, without a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.fork import share_work
from lorafair.leaderboard.applicable import Asked, list_tables, select_metrics
from lorafair.leaderboard.column import find_usable
from lorafair.leaderboard.frame import arrange_task
from lorafair.records import Comparison, Row
from lorafair.samples import Audit
from lorafair.statistics.descriptive import compare_all, describe_all
from lorafair.statistics.grouping import average, spread
from lorafair.statistics.pair import LEAST
from lorafair.statistics.projection import METHOD
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Table

NOTE = "biased by noise, it carries no verdict"
MANY = 4
"""Tasks from which on each is described by one process: different metrics may have the same values."""
TABLES, SHAPES = 512, 8
"""Tables of some documents, and counts of documents, that are kept for who asks again."""
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
        few = Narrowed()
        return [(task, one.name, _describe(one, n, t, few, like[task], references, settings)) for one, n, t in each]

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


class Narrowed:
    """Tables of some of a table's documents, and how many stand behind their groups: made once, asked for by many."""

    def __init__(self) -> None:
        self._tables: dict[tuple[int, bytes], tuple[Table, Table]] = {}
        self._counted: list[tuple[NDArray[np.bool_], NDArray[np.intp], dict[str, Any]]] = []

    def take(self, table: Table, rows: NDArray[np.bool_]) -> Table:
        """The table of these rows."""
        key = id(table), rows.tobytes()
        if key not in self._tables:
            self._tables[key] = table, table.take(rows)
            if len(self._tables) > TABLES:
                return self._tables.pop(key)[1]
        return self._tables[key][1]

    def count(self, table: Table, attribute: str) -> dict[str, Any]:
        """A row's ``n``, ``clusters`` and ``group_n``; models with the same documents share them."""
        member = table.groups[attribute]
        for of, cluster, counted in self._counted:
            if of is member and cluster is table.cluster:
                return counted | {"group_n": dict(counted["group_n"])}
        inside = member.any(axis=1)
        names = table.names[attribute]
        counted = {
            "n": int(inside.sum()),
            "clusters": int(np.count_nonzero(np.bincount(table.cluster[inside]))),
            "group_n": dict(zip(names, member.sum(axis=0).tolist(), strict=True)),
        }
        self._counted = [(member, table.cluster, counted), *self._counted[: SHAPES - 1]]
        return counted


def _describe(
    metric: Asked,
    name: str,
    tables: dict[str, Table],
    few: Narrowed,
    like: Mapping[str, Row],
    references: Mapping[str, list[str]],
    settings: Settings,
) -> list[Row]:
    usable = {label: find_usable(metric, table) for label, table in tables.items()}
    own = {k: few.take(tables[k], usable[k]) for k in tables if k in like and usable[k].any()}
    described = dict(zip(own, describe_all(metric.function, list(own.values()), settings), strict=True))
    asked: dict[str, dict[tuple[str, str], tuple[Table, Table]]] = {}  # attribute -> (label, reference) -> their tables
    for label in own:
        for reference in (one for one in references.get(label, []) if one in tables):
            common = usable[label] & usable[reference]
            pair = few.take(tables[label], common), few.take(tables[reference], common)
            for attribute in (one for one in own[label].groups if common.any() and one in pair[0].groups):
                asked.setdefault(attribute, {})[label, reference] = pair
    compared = {attribute: _compare(metric, pairs, attribute, settings) for attribute, pairs in asked.items()}
    rows = []
    for label, table in own.items():
        for attribute, estimate in described[label].items():
            mine = compared.get(attribute, {})
            comparisons = [mine[label, one] for one in references.get(label, []) if (label, one) in mine]
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
                **few.count(table, attribute),
                "descriptive": True,
                "comparisons": comparisons,
                "notes": [NOTE],
            }
            rows.append(like[label].model_copy(update=update))
    return rows


def _compare(
    metric: Asked, pairs: Mapping[tuple[str, str], tuple[Table, Table]], attribute: str, settings: Settings
) -> dict[tuple[str, str], Comparison]:
    """The difference of the two numbers over common documents, with a projected interval: no p, no verdict."""
    found = {}
    changes = compare_all(metric.function, list(pairs.values()), attribute, settings)
    for (told, (table, _)), (difference, low, high) in zip(pairs.items(), changes, strict=True):
        found[told] = Comparison(
            reference=told[1],
            quantity="level",
            difference=difference,
            low=low,
            high=high,
            method="descriptive" if low is None else METHOD,
            p=None,
            p_adjusted=None,
            minimum_detectable=None,
            documents=len(table.y),
            clusters=table.clusters,
            verdict="no claim",
        )
    return found


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
