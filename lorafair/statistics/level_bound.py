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

SHAPES, KEPT, NUMBERS = 8, 4096, 2_000_000
"""Sets of documents, bounds of each, and numbers of each set's levels that are kept for who asks again."""
TOGETHER = 16
"""Levels that are made in one product."""


@dataclass
class _Known:
    """What is known of a set of documents: whose they are, and under the values' digests their levels and bounds."""

    told: tuple[Any, ...]
    columns: tuple[NDArray[Any], ...]
    groups: Groups | None
    levels: dict[bytes, Levels] = field(default_factory=dict)
    bounds: dict[tuple[Any, ...], Bounds | None] = field(default_factory=dict)
    values: dict[int, tuple[Floats, Floats, bytes]] = field(default_factory=dict)

    def narrow(self, value: Floats) -> tuple[Floats, bytes]:
        """The value of these documents, and its digest; kept until :meth:`bound` has been asked."""
        found = self.values.get(id(value))
        if found is None:
            rows = self.columns[-1]
            few = np.ascontiguousarray(value if rows.all() else value[rows])
            found = self.values[id(value)] = value, few, hashlib.sha256(few.data).digest()
        return found[1:]

    def bound(self, asked: Sequence[list[tuple[Floats, bytes]]], alpha: float, apart: bool) -> list[Bounds | None]:
        """The bounds of each set of values, those that are not known made together."""
        found = list[Bounds | None]()
        for at in range(0, len(asked), TOGETHER):
            some: dict[tuple[Any, ...], list[tuple[Floats, bytes]]] = {
                (alpha, apart, *(told for _, told in one)): one for one in asked[at : at + TOGETHER]
            }
            new = [key for key in some if key not in self.bounds]
            if new and self.groups is not None:
                levels = self._measure(self.groups, [two for key in new for two in some[key]])
                each = [[levels[told] for told in key[2:]] for key in new]
                if apart:
                    for one, third in zip(each, self.groups.subtract([(one[0], one[1]) for one in each]), strict=True):
                        one.append(third)
                self.bounds |= {key: _bound(self.groups, one, alpha) for key, one in zip(new, each, strict=True)}
            found += [self.bounds[alpha, apart, *(told for _, told in one)] for one in asked[at : at + TOGETHER]]
            _drop(self.bounds, KEPT)
        self.values.clear()
        return found

    def _measure(self, groups: Groups, each: Sequence[tuple[Floats, bytes]]) -> dict[bytes, Levels]:
        """The levels of the values, those asked for last kept."""
        wanted = {told: y for y, told in each}
        levels = {told: self.levels.pop(told) for told in wanted if told in self.levels}
        new = [told for told in wanted if told not in levels]
        if new:
            levels |= zip(new, groups.measure([wanted[told] for told in new]), strict=True)
        self.levels |= levels
        one = next(iter(levels.values()))
        _drop(self.levels, NUMBERS // (one.mean.size + one.sums.size + one.y.size))
        return levels


_known: list[_Known] = []


def bound_levels(
    values: Sequence[Floats], table: Table, attribute: str, settings: Settings, *, apart: bool = False
) -> Bounds | None:
    """Simultaneous bounds of the means of several values over groups: :func:`bound_all` of one set of values."""
    return bound_all([values], [table], attribute, settings, apart=apart)[0]


def bound_all(
    each: Sequence[Sequence[Floats]],
    tables: Sequence[Table],
    attribute: str,
    settings: Settings,
    *,
    apart: bool = False,
) -> list[Bounds | None]:
    """Simultaneous bounds of means over groups, for each set of values: bootstrap-t with max-T, exact for small groups.

    Asked again for the same numbers, as of a metric that is made of the same levels, they are not computed again; nor
    are a model's levels, which are part of each of its comparisons.

    Args:
        each: sets of values (n,), NaN where a document does not count.
        tables: of each set: whose groups and clusters count.
        settings: the bounds of one set hold together at ``1 - alpha``.
        apart: the first minus the second of two values is a third one.

    Returns:
        for each of a set's values, (low, high) of each group that has documents; None where a level has no bounds
        (values outside [-1, 1] in a group too small for bootstrap-t), or there are fewer than two clusters.
    """
    asked: dict[int, tuple[_Known, list[int], list[list[tuple[Floats, bytes]]]]] = {}
    for k, (values, table) in enumerate(zip(each, tables, strict=True)):
        if attribute in table.groups:
            known = _find(table, attribute, ~np.isnan(np.sum(values, axis=0)), settings)
            if known.groups is not None:
                _, places, sets = asked.setdefault(id(known), (known, [], []))
                places.append(k)
                sets.append([known.narrow(value) for value in values])
    found: list[Bounds | None] = [None] * len(each)
    for known, places, sets in asked.values():
        for k, one in zip(places, known.bound(sets, settings.alpha, apart), strict=True):
            found[k] = one
    return found


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


def _drop(kept: dict[Any, Any], most: int) -> None:
    """Keep no more than so many: what was put there first goes."""
    while len(kept) > most:
        del kept[next(iter(kept))]


def _bound(groups: Groups, each: Sequence[Levels], alpha: float) -> Bounds | None:
    """The bounds of several values' levels, all simultaneous."""
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
