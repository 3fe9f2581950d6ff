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
"""Numbers that are kept for who asks again for the same table's."""
_numbered: list[tuple[tuple[Metric, Table, str], tuple[Table, float]]] = []


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
    values = metric(table, table.count[None, :])
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
    (one, first), (other, second) = (_number(metric, table, attribute) for table in (one, other))
    tables, values = [one, other], [first, second]
    difference = values[0] - values[1] if np.isfinite(values).all() else None
    parts: tuple[Metric, ...] = getattr(metric, "parts", ())
    share = replace(settings, alpha=settings.alpha / max(1, len(parts)))
    found = [_bound_pair(part, tables, attribute, share) for part in parts]
    if difference is None or not found or any(each is None or len(each[0]) < 2 for each in found):
        return difference, None, None
    bounds = list(zip(*(each for each in found if each is not None), strict=True))
    low, high = project_change(getattr(metric, "project"), *bounds)  # noqa: B009
    return difference, low, high


def _number(metric: Metric, table: Table, attribute: str) -> tuple[Table, float]:
    """The table with one attribute and the number, made once for tables that are compared again and again."""
    for made_of, made in _numbered:
        if made_of[0] is metric and made_of[1] is table and made_of[2] == attribute:
            return made
    kept = table.keep(attribute, table.names[attribute])
    found = kept, float(metric(kept, kept.count[None, :])["gap"][0])
    _numbered.append(((metric, table, attribute), found))
    del _numbered[:-NUMBERED]
    return found


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
