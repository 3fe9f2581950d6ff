"""Metrics that are made of a few weighted sums: sums over clusters give what asking them under all the weights gives.

Such a metric names its sums: ``metric.terms(table)`` gives key -> :class:`Terms`.  Leaving a cluster out is then a
subtraction, and a resample a product of (B, C) weights with (C, S) sums.  Clusters with equal sums are counted together
where there are ``ALIKE`` or more of a kind on average, in the very same resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lorafair.statistics.draw import Draw
from lorafair.statistics.grouping import Mask, name_gap, spread, sum_clusters
from lorafair.statistics.mean import find_equal
from lorafair.statistics.resample import Sampled, count_documents, take_draw
from lorafair.statistics.table import Floats, Table

MOST = 64
"""Sums of one estimand; a metric of more is asked."""
_CELLS = 30_000_000  # of all sums over clusters together
_CHUNK = 8_000_000  # cells of resamples that are rearranged at a time

Finish = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Terms:
    """One estimand: ``finish`` makes sums (..., S) of ``columns`` (n, S) numbers (...), NaN where there are none."""

    columns: Floats
    finish: Finish


Listed = Iterable[tuple[str, Terms | None]]
"""(key, what it is made of); None where that would be more than ``MOST`` sums."""


@dataclass(frozen=True)
class Added:
    """A metric's sums over C clusters: ``sums`` (C, S) and ``finish`` of each key; ``documents`` (C, K) behind them."""

    keys: tuple[str, ...]
    sums: tuple[Floats, ...]
    finish: tuple[Finish, ...]
    documents: Floats
    gaps: tuple[tuple[str, tuple[int, ...]], ...]


def list_terms(table: Table, make: Callable[[Mask], Terms | None]) -> Iterator[tuple[str, Terms | None]]:
    """``make(rows)`` for everybody and for each group, as :func:`lorafair.statistics.grouping.evaluate` asks."""
    yield "overall", make(np.ones(len(table.y), dtype=bool))
    for attribute, member in table.groups.items():
        for k, name in enumerate(table.names[attribute]):
            yield f"group:{attribute}={name}", make(member[:, k])


def add_terms(list_of: Callable[[Table], Listed], table: Table) -> Added | None:
    """The sums of a metric over the clusters of a table, for each group's rest too; None where they are too many.

    Args:
        list_of: the metric's ``terms``.
        table: n documents in C clusters.
    """
    keys, sums, finish = list[str](), list[Floats](), list[Finish]()
    cells = 0
    for rest in (False, True) if table.groups else (False,):
        for key, one in list_of(table.rest() if rest else table):
            if rest and not key.startswith("group:"):
                continue
            cells += 0 if one is None else table.clusters * one.columns.shape[1]
            if one is None or one.columns.shape[1] > MOST or cells > _CELLS:
                return None
            keys.append(f"rest:{key.removeprefix('group:')}" if rest else key)
            sums.append(sum_clusters(one.columns, table))
            finish.append(one.finish)
    gaps = []
    for attribute in table.groups:
        mine = [f"group:{attribute}={name}" for name in table.names[attribute]]
        if all(key in keys for key in mine):
            gaps.append((name_gap(table, attribute), tuple(keys.index(key) for key in mine)))
    documents = np.column_stack([count_documents(table, key) for key in keys])
    return Added(tuple(keys), tuple(sums), tuple(finish), documents, tuple(gaps))


def sample_terms(added: Added, draw: Draw) -> Sampled:
    """What :func:`lorafair.statistics.resample.sample` gives of the metric in these resamples, to rounding."""
    clusters, times = draw.clusters, draw.times
    ends = np.cumsum([sums.shape[1] for sums in added.sums])[:-1]
    drawn = np.split(draw.weights @ np.column_stack(added.sums), ends, axis=1)
    values = []
    for sums, finish, resampled in zip(added.sums, added.finish, drawn, strict=True):
        whole = times @ sums
        values.append(np.concatenate([finish(each) for each in (whole[None, :], whole - sums, resampled)]))
    matrix = np.column_stack([*values, *(spread(np.column_stack([values[k] for k in at])) for _, at in added.gaps)])
    behind = times @ added.documents
    mass = added.documents * clusters / np.where(behind > 0, behind, np.nan)
    everybody = np.repeat(mass[:, [added.keys.index("overall")]], len(added.gaps), axis=1)
    kinds = len(times)
    return Sampled(
        (*added.keys, *(gap for gap, _ in added.gaps)),
        matrix[0],
        matrix[1 : 1 + kinds],
        matrix[1 + kinds :],
        np.column_stack([mass, everybody]),
        draw,
    )


def sample_alike(added: Sequence[Added], *, resamples: int, seed: int) -> list[Sampled] | None:
    """Several models' metric in the resamples of their clusters, those that are equal for all models counted together.

    Args:
        added: of each model, over the same documents.
        resamples: B.
        seed: of the resamples.

    Returns:
        None where there are few clusters of a kind.
    """
    columns = [np.ascontiguousarray(column) for column in added[0].documents.T]
    columns += [np.ascontiguousarray(column) for one in added for sums in one.sums for column in sums.T]
    kinds = find_equal(columns)
    if kinds is None:
        return None
    first, inverse = kinds
    draw = take_draw(len(inverse), resamples, seed)
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(len(first)))
    step = max(1, _CHUNK // len(inverse))
    rows = (np.take(draw.weights[at : at + step], order, axis=1) for at in range(0, resamples, step))
    weights = np.vstack([np.add.reduceat(each, starts, axis=1) for each in rows])
    together = Draw(weights, np.bincount(inverse).astype(np.float64))
    return [
        sample_terms(
            Added(one.keys, tuple(sums[first] for sums in one.sums), one.finish, one.documents[first], one.gaps),
            together,
        )
        for one in added
    ]
