"""The columns that a metric sees, and the merging of rows that a metric cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Metric = Callable[..., dict[str, Floats]]


@dataclass(frozen=True)
class Table:
    """Documents as columns; every array has one entry (or matrix row) per row of the table.

    ``y``: (n,) the per-document value; ``cluster``: (n,) integer codes ``0 .. clusters-1``; ``groups``: attribute ->
    (n, g) boolean membership, whose columns ``names[attribute]`` labels (a document may be in several groups);
    ``count``: (n,) how many documents a row stands for.

    The other columns are there for metrics that declare them (``needs``) and None otherwise.  In such a table ``y`` is
    the label; labels and answers are codes of ``classes``, or of a document's own choices where ``classes`` is empty.

    ``score``: (n,) a per-document value beside the label; ``answer``: (n,) the chosen option; ``prob``: (n,)
    probability of the class ``positive``; ``confidence``: (n,) probability of the chosen option; ``logprob``: (n, K)
    log-probability (nats) of each option, NaN where a document has fewer; ``twin``: (n,) which pair the document
    belongs to, -1: none.
    """

    y: Floats
    cluster: NDArray[np.intp]
    groups: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    count: Floats = field(default_factory=lambda: np.empty(0))
    score: Floats | None = None
    prob: Floats | None = None
    answer: NDArray[Any] | None = None
    confidence: Floats | None = None
    logprob: Floats | None = None
    twin: NDArray[np.intp] | None = None
    classes: tuple[str, ...] = ()
    positive: int | None = None

    def __post_init__(self) -> None:
        if len(self.count) != len(self.y):
            object.__setattr__(self, "count", np.ones(len(self.y)))

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max()) + 1 if len(self.cluster) else 0

    def rest(self) -> Table:
        """The same table with every group replaced by its rest: members of the attribute that are not in the group."""
        return replace(self, groups={a: g.any(axis=1, keepdims=True) & ~g for a, g in self.groups.items()})

    def keep(self, attribute: str, names: tuple[str, ...]) -> Table:
        """The table with this attribute only, and of it these groups only (so that others leave the rest too)."""
        columns = [self.names[attribute].index(name) for name in names]
        matrix = self.groups[attribute][:, columns]
        return replace(self, groups={attribute: matrix}, names={attribute: names})

    def take(self, rows: NDArray[np.bool_]) -> Table:
        """The table of these rows, with clusters numbered from 0 and without attributes that no row has."""
        codes = number_clusters(self.cluster[rows])
        if rows.all() and np.array_equal(codes, self.cluster) and all(g.any() for g in self.groups.values()):
            return self
        groups = {a: g[rows] for a, g in self.groups.items() if g[rows].any()}
        names = {a: self.names[a] for a in groups}
        columns: dict[str, Any] = {name: each[rows] for name, each in self._columns().items()}
        twin = None if self.twin is None else self.twin[rows]
        changed = replace(self, y=self.y[rows], cluster=codes, groups=groups, names=names, count=self.count[rows])
        return replace(changed, twin=twin, **columns)

    def _columns(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("score", "prob", "answer", "confidence", "logprob")}
        return {name: each for name, each in given.items() if each is not None}

    def merge(self) -> Table:
        """Rows that agree in cluster, groups and every other column made one row, with their ``count`` added up.

        Only for row-additive metrics, those that depend on the rows through sums of weights over such cells.
        """
        if self.twin is not None:
            return self  # a row means something by its twin: no two are alike
        more = self._columns()
        columns = [self.cluster.astype(np.float64), self.y, *more.values()]
        columns += [g[:, k] for g in self.groups.values() for k in _of(g)]
        cells, first, inverse = np.unique(np.column_stack(columns), axis=0, return_index=True, return_inverse=True)
        if len(cells) == len(self.y):
            return self
        count = np.bincount(inverse.ravel(), weights=self.count, minlength=len(cells)).astype(np.float64)
        groups = {a: g[first] for a, g in self.groups.items()}
        merged: dict[str, Any] = {name: each[first] for name, each in more.items()}
        return replace(self, y=self.y[first], cluster=self.cluster[first], groups=groups, count=count, **merged)


def number_clusters(cluster: NDArray[np.intp]) -> NDArray[np.intp]:
    """(n,) codes from 0 on without a hole, in the order of those given, which are not negative."""
    present = np.bincount(cluster) > 0
    return (np.cumsum(present) - 1)[cluster]


def _of(matrix: NDArray[np.bool_]) -> range:
    return range(matrix.shape[1])
