"""What a table's values have no part in: who is in which group and cluster, found once for all models' documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.table import Table

Rows = NDArray[np.intp]
KEPT = 4
"""Shapes that are kept, of tables that are in use together."""
SMALL = 2_000_000
"""Rows of all estimands together from which on nothing is kept."""


@dataclass(frozen=True)
class Shape:
    """Of each estimand (``overall``, ``group:a=k``, ``rest:a=k``) the rows behind it, their clusters, and how many.

    ``rows``: key -> row numbers, None for all rows; ``codes``: key -> their clusters' codes; ``documents`` and
    ``clusters``: key -> how many documents, in how many clusters.
    """

    rows: dict[str, Rows | None]
    codes: dict[str, Rows]
    documents: dict[str, int]
    clusters: dict[str, int]

    def mask(self, key: str, n: int) -> NDArray[np.bool_] | None:
        """(n,) the rows behind an estimand, None for all of them."""
        rows = self.rows[key]
        if rows is None:
            return None
        inside = np.zeros(n, dtype=bool)
        inside[rows] = True
        return inside


_kept: list[tuple[tuple[Any, ...], Shape]] = []


def find_shape(table: Table) -> Shape:
    """The shape of a table: the same for tables that share their groups, clusters and counts."""
    of = (table.groups, table.names, table.cluster, table.count)
    for made_of, known in reversed(_kept):
        if all(one is other for one, other in zip(of, made_of, strict=True)):
            shape: Shape = known
            return shape
    found = _make(table)
    if sum(len(codes) for codes in found.codes.values()) <= SMALL:
        _kept.append((of, found))
        del _kept[:-KEPT]
    return found


def _make(table: Table) -> Shape:
    rows: dict[str, Rows | None] = {"overall": None}
    for attribute, member in table.groups.items():
        names = table.names[attribute]
        rows |= {f"group:{attribute}={name}": np.flatnonzero(member[:, k]) for k, name in enumerate(names)}
    for attribute, member in table.groups.items():
        names, anybody = table.names[attribute], member.any(axis=1)
        rows |= {f"rest:{attribute}={name}": np.flatnonzero(anybody & ~member[:, k]) for k, name in enumerate(names)}
    codes = {key: table.cluster if each is None else table.cluster[each] for key, each in rows.items()}
    documents = {key: int((table.count if each is None else table.count[each]).sum()) for key, each in rows.items()}
    clusters = {key: int(np.count_nonzero(np.bincount(each, minlength=1))) for key, each in codes.items()}
    return Shape(rows, codes, documents, clusters)
