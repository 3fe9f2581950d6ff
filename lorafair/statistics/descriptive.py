"""Numbers that describe the spread over groups: estimate, and an interval projected from the groups' levels.

Noise biases the largest difference (and the smallest level) of several groups, so these carry no verdict and no p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.grouping import name_gap
from lorafair.statistics.interval import Estimate
from lorafair.statistics.level_bound import Bounds, bound_all
from lorafair.statistics.projection import METHOD, project_change
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Metric, Table

NUMBERED = 128
"""Tables whose numbers are kept for who asks again."""
_numbered: dict[tuple[int, int], tuple[Metric, Table, dict[str, Floats]]] = {}
_kept: dict[tuple[int, str], tuple[Table, Table]] = {}


def describe(metric: Metric, table: Table, settings: Settings) -> dict[str, Estimate]:
    """The metric's number for each attribute: :func:`describe_all` of one table."""
    return describe_all(metric, [table], settings)[0]


def describe_all(metric: Metric, tables: Sequence[Table], settings: Settings) -> list[dict[str, Estimate]]:
    """The metric's number for each attribute, for each table.

    ``metric.parts`` are the metrics whose levels it is made of, ``metric.project`` takes their simultaneous bounds
    [(low, high), …] to bounds of the number; of several parts (each at ``alpha`` over their number) the largest counts.
    No interval where a level has no bounds: values outside [0, 1] in a group too small for bootstrap-t.

    Args:
        metric: by the contract, giving ``gap`` or ``gap:<attribute>``.
        tables: each one model's documents with all the columns that the metric needs.
        settings: B, seed, alpha, and the size from which on a group gets a bootstrap-t interval.
    """
    found: list[dict[str, Estimate]] = [{} for _ in tables]
    for attribute in dict.fromkeys(attribute for table in tables for attribute in table.groups):
        numbers = {}
        for k, table in enumerate(tables):
            if attribute in table.groups:
                value = float(_measure(metric, table)[name_gap(table, attribute)][0])
                found[k][attribute] = Estimate(None)
                if np.isfinite(value):
                    numbers[k] = value
        bounds = _bound_parts(metric, [[tables[k]] for k in numbers], attribute, settings)
        for (k, value), parts in zip(numbers.items(), bounds, strict=True):
            found[k][attribute] = Estimate(value, method="descriptive")
            if parts is not None:
                ends = [getattr(metric, "project")(each) for (each,) in parts]  # noqa: B009
                low, high = (max(end[side] for end in ends) for side in (0, 1))
                found[k][attribute] = Estimate(value, None, low, high, METHOD)
    return [
        {attribute: each[attribute] for attribute in table.groups} for each, table in zip(found, tables, strict=True)
    ]


Change = tuple[float | None, float | None, float | None]
"""A number's difference, low, high; None where there is no number, or no bounds."""


def compare_described(metric: Metric, one: Table, other: Table, attribute: str, settings: Settings) -> Change:
    """The difference of the number between two models: :func:`compare_all` of one pair."""
    return compare_all(metric, [(one, other)], attribute, settings)[0]


def compare_all(
    metric: Metric, pairs: Sequence[tuple[Table, Table]], attribute: str, settings: Settings
) -> list[Change]:
    """The difference of the number between two models over the same documents, with a projected interval.

    Args:
        metric: as :func:`describe_all`.
        pairs: both models' tables of the same documents.
        attribute: whose groups.
        settings: as :func:`describe_all`.

    Returns:
        of each pair one minus other.
    """
    found: list[Change] = [(None, None, None)] * len(pairs)
    known = {}
    for k, pair in enumerate(pairs):
        tables = [_keep(table, attribute) for table in pair]
        values = [float(_measure(metric, table)["gap"][0]) for table in tables]
        if np.isfinite(values).all():
            known[k] = tables
            found[k] = values[0] - values[1], None, None
    bounds = _bound_parts(metric, list(known.values()), attribute, settings)
    for k, parts in zip(known, bounds, strict=True):
        if parts is not None and all(len(each[0]) >= 2 for each in parts):
            low, high = project_change(getattr(metric, "project"), *zip(*parts, strict=True))  # noqa: B009
            found[k] = found[k][0], low, high
    return found


def _measure(metric: Metric, table: Table) -> dict[str, Floats]:
    """The metric's values (1,) of a table, made once for tables that are compared again and again."""
    key = id(metric), id(table)
    found = _numbered.pop(key, None) or (metric, table, metric(table, table.count[None, :]))
    _numbered[key] = found
    if len(_numbered) > NUMBERED:
        del _numbered[next(iter(_numbered))]
    return found[2]


def _keep(table: Table, attribute: str) -> Table:
    """The table with one attribute, the same one for who asks again."""
    if list(table.groups) == [attribute]:
        return table
    key = id(table), attribute
    found = _kept.pop(key, None) or (table, table.keep(attribute, table.names[attribute]))
    _kept[key] = found
    if len(_kept) > NUMBERED:
        del _kept[next(iter(_kept))]
    return found[1]


def _bound_parts(
    metric: Metric, each: Sequence[Sequence[Table]], attribute: str, settings: Settings
) -> list[list[Bounds] | None]:
    """For each table, or pair of two models' tables of the same documents, the bounds of every part's levels.

    Of a pair those of both models' levels and of their paired differences, all simultaneous; None where a part has no
    bounds, or there are no parts.
    """
    parts: tuple[Metric, ...] = getattr(metric, "parts", ())
    share = replace(settings, alpha=settings.alpha / max(1, len(parts)))
    distinct = {id(table): table for tables in each for table in tables}
    found = []
    for part in parts:
        values = {key: _value_documents(part, table) for key, table in distinct.items()}
        asked = [[values[id(table)] for table in tables] for tables in each]
        pairs = bool(each) and len(each[0]) == 2
        found.append(bound_all(asked, [tables[0] for tables in each], attribute, share, apart=pairs))
    made = []
    for k in range(len(each)):
        known = [part[k] for part in found]
        made.append([one for one in known if one is not None] if known and None not in known else None)
    return made


def _value_documents(metric: Metric, table: Table) -> Floats:
    value: Callable[[Table], Floats] | None = getattr(metric, "document_value", None)
    return table.y if value is None else value(table)
