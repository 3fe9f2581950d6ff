"""The weighted mean of ``y`` under all the weights, from sums over clusters: the fast way to what ``sample`` gives.

For a mean every estimand is a ratio of two sums over clusters, so that leaving a cluster out is a subtraction and a
resample a product of (B, T) weights with (T, K) sums.  Clusters with equal sums are exchangeable: where there are
``ALIKE`` or more of a kind on average, as of single documents that are right or wrong, they are drawn by kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.draw import Draw, draw_kinds
from lorafair.statistics.grouping import average, divide, name_gap, spread
from lorafair.statistics.resample import Sampled, take_draw
from lorafair.statistics.shape import find_shape
from lorafair.statistics.table import Floats, Metric, Table

ALIKE = 8
_LOOK = 16  # columns after which it is asked whether there can be few kinds
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Sums:
    """Sums over each of T kinds of clusters for the E estimands that are ratios.

    ``keys``: their names; ``total``, ``size`` (T, E): of ``y`` and of documents that have one; ``documents`` (T, E): of
    all documents; ``times`` (T,): clusters of each kind.
    """

    keys: tuple[str, ...]
    total: Floats
    size: Floats
    documents: Floats
    times: Floats


def sample_mean(table: Table, *, resamples: int, seed: int, sums: Sums | None = None) -> Sampled:
    """The mean of ``y`` as :func:`lorafair.statistics.resample.sample` gives it, to rounding.

    Args:
        sums: of the table, where :func:`add_up` gave them before.
    """
    return evaluate(add_up([table])[0] if sums is None else sums, table, take_draw(table.clusters, resamples, seed))


def prove_mean(metric: Metric, table: Table) -> bool:
    """Whether a metric that says so of itself is the mean of ``y`` here: asked under a few weights and compared.

    Args:
        metric: by the contract.
        table: n rows in C clusters; the weights are ones, three resamples, and every second cluster.
    """
    clusters = table.clusters
    drawn = np.random.default_rng(0).multinomial(clusters, np.full(clusters, 1 / clusters), size=3)
    rows = np.vstack([np.ones(clusters), drawn, np.arange(clusters) % 2])
    weights = rows[:, table.cluster] * table.count
    for each in (table, table.rest()) if table.groups else (table,):
        asked, mean = metric(each, weights), average(each.y, each, weights)
        same = asked.keys() == mean.keys() and all(
            np.allclose(asked[key], mean[key], rtol=1e-9, atol=1e-12, equal_nan=True) for key in mean
        )
        if not same:
            return False
    return True


def sample_kinds(
    tables: Sequence[Table], *, resamples: int, seed: int, add: Callable[[], list[Sums]] | None = None
) -> list[Sampled] | None:
    """The same of several models at once, with clusters that are equal for all of them drawn by kinds.

    Args:
        tables: of each model, over the same documents in the same order: only ``y`` differs.
        resamples: B.
        seed: of the resamples.
        add: gives :func:`add_up` of the tables, where that is known.

    Returns:
        None where there are few clusters of a kind.
    """
    found = add_kinds(tables, add)
    if len(found[0].times) == tables[0].clusters:
        return None
    draw = draw_kinds(found[0].times, resamples, seed)
    return [evaluate(sums, tables[0], draw) for sums in found]


def add_kinds(tables: Sequence[Table], add: Callable[[], list[Sums]] | None = None) -> list[Sums]:
    """The sums of every model over kinds of clusters, or over the clusters where there are few of a kind."""
    kinds = _find_documents(tables)
    if kinds is None:
        return _find_clusters(add_up(tables) if add is None else add())
    first, times = kinds
    return [replace(one, times=times) for one in add_up([_pick(table, first) for table in tables])]


def add_up(tables: Sequence[Table], documents: Floats | None = None) -> list[Sums]:
    """The sums of every model; what does not depend on ``y`` is shared.

    Args:
        tables: over the same documents in the same order.
        documents: of an earlier call for the same documents.
    """
    first = tables[0]
    shape, clusters = find_shape(first), first.clusters

    def add(values: Floats) -> Floats:
        sums = np.empty((len(shape.rows), clusters))
        for k, (key, rows) in enumerate(shape.rows.items()):
            weights = values if rows is None else values[rows]
            sums[k] = np.bincount(shape.codes[key], weights=weights, minlength=clusters)
        return sums.T

    documents = add(first.count) if documents is None else documents
    found = []
    for table in tables:
        known = ~np.isnan(table.y)
        size = documents if known.all() else add(np.where(known, table.count, 0.0))
        total = add(np.where(known, table.count * table.y, 0.0))
        found.append(Sums(tuple(shape.rows), total, size, documents, np.ones(clusters)))
    return found


def _find_clusters(found: list[Sums]) -> list[Sums]:
    """The same with clusters of equal sums as one kind, where there are many of a kind."""
    shared = found[0]
    each = {id(m): m for m in (shared.documents, *(m for one in found for m in (one.total, one.size)))}
    kinds = find_equal([np.ascontiguousarray(column) for matrix in each.values() for column in matrix.T])
    if kinds is None:
        return found
    first, inverse = kinds
    times = np.bincount(inverse).astype(np.float64)
    documents = shared.documents[first]
    return [
        replace(one, total=one.total[first], size=one.size[first], documents=documents, times=times) for one in found
    ]


def _find_documents(tables: Sequence[Table]) -> tuple[NDArray[np.intp], Floats] | None:
    """(first of each kind, how many) of documents that are clusters of their own; None for larger clusters."""
    one = tables[0]
    if one.clusters != len(one.y):
        return None
    bits = [np.packbits(member, axis=1).astype(np.float64) for member in one.groups.values()]
    kinds = find_equal([*(each.y for each in tables), one.count, *(column for each in bits for column in each.T)])
    return None if kinds is None else (kinds[0], np.bincount(kinds[1]).astype(np.float64))


def _pick(table: Table, rows: NDArray[np.intp]) -> Table:
    groups = {attribute: member[rows] for attribute, member in table.groups.items()}
    return Table(table.y[rows], np.arange(len(rows)), groups, table.names, table.count[rows])


def find_equal(columns: Sequence[Floats]) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """(first row of each kind, kind of each row) over columns of one length; None where there are few of a kind."""
    code = np.zeros(len(columns[0]), dtype=np.uint64)
    for k, column in enumerate(columns):
        code = (code ^ (column + 0.0).view(np.uint64)) * _MIX  # + 0.0: minus zero equals zero
        code ^= code >> np.uint64(29)
        if k % _LOOK == _LOOK - 1 and ALIKE * len(np.unique(code)) > len(code):
            return None
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    same = ALIKE * len(first) <= len(code) and all(
        np.array_equal(column[first][inverse], column, equal_nan=True) for column in columns
    )
    return (first, inverse) if same else None


def evaluate(sums: Sums, table: Table, draw: Draw) -> Sampled:
    """Estimates, jackknife and bootstrap from sums, with each attribute's gap among them."""
    clusters = draw.clusters
    whole, size = sums.times @ sums.total, sums.times @ sums.size
    estimate = divide(whole, size)
    jackknife = divide(whole - sums.total, size - sums.size)
    drawn = draw.mean_all(sums.total), draw.mean_all(sums.size)
    bootstrap = divide(drawn[0], drawn[1])
    behind = sums.times @ sums.documents
    mass = sums.documents * clusters / np.where(behind > 0, behind, np.nan)
    place = {key: k for k, key in enumerate(sums.keys)}
    order = ["overall"]
    gaps: dict[str, list[int]] = {}
    for attribute in table.groups:
        mine = [f"group:{attribute}={name}" for name in table.names[attribute]]
        gaps[name_gap(table, attribute)] = [place[key] for key in mine]
        order += [*mine, name_gap(table, attribute)]
    order += [key for key in sums.keys if key.startswith("rest:")]

    def arrange(matrix: Floats, of_gap: bool = True) -> Floats:
        spreads = {gap: spread(matrix[:, columns]) if of_gap else matrix[:, 0] for gap, columns in gaps.items()}
        return np.stack([spreads[key] if key in spreads else matrix[:, place[key]] for key in order]).T

    even = (sums.size == sums.size[0]).all(axis=0) & (sums.documents == sums.documents[0]).all(axis=0)
    linear = np.array([key in place and bool(even[place[key]]) for key in order])
    found = arrange(estimate[None, :])[0], arrange(jackknife), arrange(bootstrap), arrange(mass, False)
    return Sampled(tuple(order), *found, draw, linear)
