"""Which metrics of the registry apply to what a task's samples tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.isolation import ask_field
from lorafair.leaderboard.frame import Frame, arrange_task
from lorafair.leaderboard.tried import Tried, open_metric
from lorafair.records import Row
from lorafair.registry import Entry, load_registry
from lorafair.samples import Audit, Samples
from lorafair.statistics.table import Metric, Table

COLUMNS = ("y", "answer", "prob", "confidence", "logprob", "twin", "positive", "classes", "groups", "score")
"""What ``needs:`` may name, beside ``class NAME`` and ``group ATTRIBUTE=NAME``."""


@dataclass(frozen=True)
class Asked:
    """A metric that is to be computed: ``primary`` where it belongs to the default set."""

    name: str
    function: Metric
    needs: tuple[str, ...]
    higher_is_better: bool | None
    primary: bool

    @property
    def descriptive(self) -> bool:
        """Whether it speaks of the spread over groups only: it carries no verdict."""
        return hasattr(self.function, "parts")


def select_metrics(asked: Iterable[str] = ()) -> list[Asked]:
    """The default metrics of the registry, and those asked for by name; ``rate`` and unknown names are left out.

    A metric says what it needs in its registry entry (``needs:``) or, one of another distribution, by an attribute
    ``needs`` of its function; likewise ``higher_is_better``.  One that cannot be loaded fails on every score.

    Raises:
        LorafairError: for a built-in that cannot be loaded, or a metric that needs a column that does not exist.
    """
    wanted, registry = set(asked), load_registry()
    entries = [e for e in registry.entries("metric") if e.fields.get("default") or e.name in wanted]
    order = {entry.name: (not entry.fields.get("default"), entry.line, entry.name) for entry in entries}
    return [_read(entry) for entry in sorted(entries, key=lambda e: order[e.name]) if entry.name != "rate"]


def _read(entry: Entry) -> Asked:
    function = open_metric(entry.name)
    broken = isinstance(function, Tried) and bool(function.failed)  # nothing can be asked of it

    def say(key: str, otherwise: Any) -> Any:
        said = entry.fields.get(key) if broken else ask_field(entry, key, target=function)
        return otherwise if said is None else said

    needs = tuple(str(need) for need in say("needs", ("score",)))
    unknown = [need for need in needs if need not in COLUMNS and not need.startswith(("class ", "group "))]
    if unknown:
        raise LorafairError(
            f"The metric {entry.name!r} ({entry.target}, from {entry.origin}) needs the unknown columns "
            f"{', '.join(map(repr, unknown))}.{did_you_mean(unknown[0], COLUMNS)} There are {', '.join(COLUMNS)}, "
            "'class NAME' and 'group ATTRIBUTE=NAME'."
        )
    return Asked(entry.name, function, needs, say("higher_is_better", None), bool(entry.fields.get("default")))


def expand_metrics(names: Iterable[str], rows: Iterable[Row], audit: Audit) -> tuple[str, ...]:
    """Names of metrics as rows have them: one about scores stands for its row of every score.

    Raises:
        LorafairError: for a metric of the registry that applies to no task here, saying what each task lacks.
    """
    known, registry = list(dict.fromkeys(row.metric for row in rows)), load_registry()
    found, faults = [], []
    for name in names:
        more = [one for one in known if one == name or one.startswith(f"{name}:")]
        if not more and name in registry.names("metric"):
            faults.append(_explain(name, audit))
        found += more or [name]
    raise_faults("Not every metric can be shown", faults)
    return tuple(found)


def find_computed(names: Iterable[str], rows: Iterable[Row], audit: Audit) -> list[str]:
    """Those metrics of the registry that have rows; what a task's samples themselves call so is none of them."""
    own = {(one.task, value) for one in audit.samples for value in one.values}
    known = {row.metric.partition(":")[0] for row in rows if (row.task, row.metric) not in own}
    return [name for name in names if name in known]


def _explain(name: str, audit: Audit) -> str:
    """Why a metric of the registry has no rows."""
    if name == "rate":
        return "rate is the mean of each per-document value: name the value instead, as the table's columns do."
    (metric,) = (one for one in select_metrics([name]) if one.name == name)
    lacks = []
    for task in sorted({one.task for one in audit.samples}):
        _, _, tables = arrange_task(audit, task)
        missing = {m for t in tables.values() or [None] for m in find_missing(metric.needs, t, scored=True)}
        lacks.append(f"{task} lacks {', '.join(sorted(missing)) or 'documents that have them'}")
    return f"{name} needs {', '.join(metric.needs)}: {'; '.join(lacks)} (docs/statistics.md says what tells them)."


def list_tables(
    metric: Asked, found: Sequence[Samples], frame: Frame, tables: Mapping[str, Table]
) -> list[tuple[str, dict[str, Table]]]:
    """(name in rows, model -> table) for which the metric can be computed.

    One for the task's labels and answers; for a metric that needs ``score`` one for every per-document value, in
    ``score`` and, where labels are not needed, in ``y`` too; its rows are named ``metric:value``.

    Args:
        metric: what is to be computed.
        found: the task's samples.
        frame: of its documents.
        tables: of :func:`build_tables`, maybe none.
    """
    each: list[tuple[str, dict[str, Table]]] = [(metric.name, dict(tables))]
    if "score" in metric.needs:
        each, shape = [], (frame.cluster, frame.groups, frame.names)
        for name in sorted({name for one in found for name in one.values}):
            values = {o.model: frame.spread(o, o.values[name]) for o in found if name in o.values}
            if of_scores(metric):
                made = {label: Table(v, *shape, score=v) for label, v in values.items()}
            else:
                made = {label: replace(tables[label], score=v) for label, v in values.items() if label in tables}
            each.append((f"{metric.name}:{name}", made))
    return [
        (name, made)
        for name, made in each
        if made and not any(find_missing(metric.needs, table, scored=True) for table in made.values())
    ]


def of_scores(metric: Asked) -> bool:
    """Whether the metric is about any per-document value, without labels or answers."""
    return set(metric.needs) <= {"score", "groups"}


def find_missing(needs: Iterable[str], table: Table | None, *, scored: bool) -> list[str]:
    """Those needs that a task's table (None: no labels or answers) does not meet; ``scored``: it has a score."""
    return [need for need in needs if not _has(need, table, scored)]


def _has(need: str, table: Table | None, scored: bool) -> bool:
    if need == "score":
        return scored
    if table is None:
        return False
    if need.startswith("class "):
        return need.removeprefix("class ") in table.classes
    if need.startswith("group "):
        attribute, _, name = need.removeprefix("group ").partition("=")
        return name in table.names.get(attribute, ())
    if need == "y":
        return not bool(np.isnan(table.y).all())
    if need == "answer":
        return table.answer is not None and bool((table.answer >= 0).any())
    if need in {"classes", "groups"}:
        return bool(getattr(table, need))
    return getattr(table, need) is not None
