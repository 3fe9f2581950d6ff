"""Simultaneous bounds of the means of groups: what intervals of descriptive numbers are projected from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.group_level import Groups, Levels
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Table

Bounds = list[list[tuple[float, float]]]
"""For each of several values, (low, high) of each group's level."""

SHAPES, KEPT, NUMBERS = 16, 4096, 1_000_000
"""Sets of documents, bounds of each, and numbers of each set's levels that are kept for who asks again."""


@dataclass
class _Known:
    """What is known of a set of documents: whose they are, and under the values' digests their levels and bounds."""

    told: tuple[Any, ...]
    columns: tuple[NDArray[Any], ...]
    groups: Groups | None
    levels: dict[bytes, Levels] = field(default_factory=dict)
    bounds: dict[tuple[Any, ...], Bounds | None] = field(default_factory=dict)


_known: list[_Known] = []


def bound_levels(
    values: Sequence[Floats], table: Table, attribute: str, settings: Settings, *, apart: bool = False
) -> Bounds | None:
    """Simultaneous bounds of the means of several values over groups: bootstrap-t with max-T, exact for small groups.

    Asked again for the same numbers, as of a metric that is made of the same levels, they are not computed again; nor
    are a model's levels, which are part of each of its comparisons.

    Args:
        values: (n,) each, NaN where a document does not count.
        table: whose groups and clusters count.
        settings: the bounds hold together at ``1 - alpha``.
        apart: the first minus the second of two values is a third one.

    Returns:
        for each of the values, (low, high) of each group that has documents; None where a level has no bounds (values
        outside [-1, 1] in a group too small for bootstrap-t), or there are fewer than two clusters.
    """
    if attribute not in table.groups:
        return None
    rows = ~np.isnan(np.sum(values, axis=0))
    known = _find(table, attribute, rows, settings)
    if known.groups is None:
        return None
    each = [value if rows.all() else value[rows] for value in values]
    told = [hashlib.sha256(np.ascontiguousarray(one).data).digest() for one in each]
    key = (settings.alpha, apart, *told)
    if key not in known.bounds:
        _drop(known.bounds, KEPT)
        levels = [_measure(known, known.groups, *two) for two in zip(told, each, strict=True)]
        if apart:
            levels.append(known.groups.subtract(levels[0], levels[1]))
        known.bounds[key] = _bound(known.groups, levels, settings.alpha)
    return known.bounds[key]


def _find(table: Table, attribute: str, rows: NDArray[np.bool_], settings: Settings) -> _Known:
    """What is known of these rows of a table and of one attribute's groups."""
    told = settings.resamples, settings.seed, settings.min_n, settings.min_clusters
    columns = table.cluster, table.groups[attribute], table.count, rows
    for k, one in enumerate(reversed(_known), 1):
        if one.told == told and all(a is b or np.array_equal(a, b) for a, b in zip(one.columns, columns, strict=True)):
            _known.append(_known.pop(-k))
            return one
    few = Table(table.y, table.cluster, table.groups, table.names, table.count)
    few = few.keep(attribute, few.names[attribute]).take(rows)
    groups = Groups(few, attribute, settings) if few.clusters >= 2 and attribute in few.groups else None
    _known.append(_Known(told, columns, groups))
    del _known[:-SHAPES]
    return _known[-1]


def _measure(known: _Known, groups: Groups, told: bytes, value: Floats) -> Levels:
    """The levels of one of the values, those asked for last kept."""
    found = known.levels.pop(told, None)
    if found is None:
        found = groups.measure(value)
        _drop(known.levels, max(2, NUMBERS // max(1, found.mean.size + found.sums.size + found.y.size)))
    known.levels[told] = found
    return found


def _drop(kept: dict[Any, Any], most: int) -> None:
    """Make room for one more: what was put there first goes."""
    while len(kept) >= most:
        del kept[next(iter(kept))]


def _bound(groups: Groups, each: Sequence[Levels], alpha: float) -> Bounds | None:
    usable = np.concatenate([one.usable for one in each])
    if not usable.all() and not all(one.inside for one in each):
        return None
    level = alpha * usable.mean()  # alpha / g is left for each of the g cells that are bounded exactly
    top = np.maximum.reduce([one.top for one in each])
    at = min(len(top), int(np.ceil((1 - level) * (len(top) + 1)))) - 1
    quantile = np.partition(top, at)[at]
    bounds = []
    for one in each:
        with np.errstate(invalid="ignore"):
            ends = one.value + np.array([[-1.0], [1.0]]) * quantile * one.error
        if one.inside:
            ends = np.clip(ends, one.least, 1.0)
        found = [(low, high) for low, high in ends.T.tolist()]
        for group in np.flatnonzero(~one.usable).tolist():
            found[group] = groups.bound(one, group, alpha / len(usable))
        bounds.append(found)
    return bounds
