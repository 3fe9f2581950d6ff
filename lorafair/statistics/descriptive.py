"""Numbers that describe the spread over groups: estimate, and an interval projected from the groups' levels.

Noise biases the largest difference (and the smallest level) of several groups, so these carry no verdict and no p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.grouping import name_gap
from lorafair.statistics.interval import Estimate
from lorafair.statistics.level_bound import bound_levels
from lorafair.statistics.projection import METHOD, project_change
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Metric, Table

NUMBERED = 16
"""Tables whose numbers are kept for who asks again."""
_numbered: list[tuple[Metric, Table, dict[str, Floats]]] = []
_kept: list[tuple[Table, str, Table]] = []


def describe(metric: Metric, table: Table, settings: Settings) -> dict[str, Estimate]:
    """The metric's number for each attribute.

    ``metric.parts`` are the metrics whose levels it is made of, ``metric.project`` takes their simultaneous bounds
    [(low, high), …] to bounds of the number; of several parts (each at ``alpha`` over their number) the largest counts.
    No interval where a level has no bounds: values outside [0, 1] in a group too small for bootstrap-t.

    Args:
        metric: by the contract, giving ``gap`` or ``gap:<attribute>``.
        table: one model's documents with all the columns that the metric needs.
        settings: B, seed, alpha, and the size from which on a group gets a bootstrap-t interval.
    """
    values = _measure(metric, table)
    parts: tuple[Metric, ...] = getattr(metric, "parts", ())
    found = {}
    for attribute in table.groups:
        value = float(values[name_gap(table, attribute)][0])
        if not np.isfinite(value):
            found[attribute] = Estimate(None)
            continue
        share = replace(settings, alpha=settings.alpha / max(1, len(parts)))
        bounds = [bound_groups(part, table, attribute, share) for part in parts]
        if not bounds or any(each is None for each in bounds):
            found[attribute] = Estimate(value, method="descriptive")
            continue
        ends = [getattr(metric, "project")(each) for each in bounds]  # noqa: B009
        low, high = (max(end[k] for end in ends) for k in (0, 1))
        found[attribute] = Estimate(value, None, low, high, METHOD)
    return found


def compare_described(
    metric: Metric, one: Table, other: Table, attribute: str, settings: Settings
) -> tuple[float | None, float | None, float | None]:
    """The difference of the number between two models over the same documents, with a projected interval.

    Args:
        metric: as :func:`describe`.
        one, other: both models' tables of the same documents.
        attribute: whose groups.
        settings: as :func:`describe`.

    Returns:
        (one minus other, low, high); None where there is no number, or no bounds.
    """
    tables = [_keep(table, attribute) for table in (one, other)]
    values = [float(_measure(metric, table)["gap"][0]) for table in tables]
    if not np.isfinite(values).all():
        return None, None, None
    difference = values[0] - values[1]
    parts: tuple[Metric, ...] = getattr(metric, "parts", ())
    share = replace(settings, alpha=settings.alpha / max(1, len(parts)))
    found = [_bound_pair(part, tables, attribute, share) for part in parts]
    if not found or any(each is None or len(each[0]) < 2 for each in found):
        return difference, None, None
    bounds = list(zip(*(each for each in found if each is not None), strict=True))
    low, high = project_change(getattr(metric, "project"), *bounds)  # noqa: B009
    return difference, low, high


def _measure(metric: Metric, table: Table) -> dict[str, Floats]:
    """The metric's values (1,) of a table, made once for tables that are compared again and again."""
    for k, (asked, of, values) in enumerate(reversed(_numbered), 1):
        if asked is metric and of is table:
            _numbered.append(_numbered.pop(-k))
            return values
    _numbered.append((metric, table, metric(table, table.count[None, :])))
    del _numbered[:-NUMBERED]
    return _numbered[-1][2]


def _keep(table: Table, attribute: str) -> Table:
    """The table with one attribute, the same one for who asks again."""
    if list(table.groups) == [attribute]:
        return table
    for k, (of, asked, kept) in enumerate(reversed(_kept), 1):
        if of is table and asked == attribute:
            _kept.append(_kept.pop(-k))
            return kept
    _kept.append((table, attribute, table.keep(attribute, table.names[attribute])))
    del _kept[:-NUMBERED]
    return _kept[-1][2]


def _bound_pair(
    part: Metric, tables: Sequence[Table], attribute: str, settings: Settings
) -> list[list[tuple[float, float]]] | None:
    """Bounds, all simultaneous, of both models' levels and of their paired differences, over the groups."""
    values = [_value_documents(part, table) for table in tables]
    return bound_levels(values, tables[0], attribute, settings, apart=True)


def _value_documents(metric: Metric, table: Table) -> Floats:
    value: Callable[[Table], Floats] | None = getattr(metric, "document_value", None)
    return table.y if value is None else value(table)


def bound_groups(metric: Metric, table: Table, attribute: str, settings: Settings) -> list[tuple[float, float]] | None:
    """Simultaneous bounds of the levels of all groups that have one: see :func:`bound_levels`.

    Args:
        metric: the mean of its ``document_value``, or of ``y``.
        settings: the bounds hold together at ``1 - alpha``.
    """
    found = bound_levels([_value_documents(metric, table)], table, attribute, settings)
    return None if found is None else found[0]
