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
    ``count``: (n,) how many documents a row stands for.  ``score``, ``prob`` and ``answer`` are there for metrics that
    need more than one number a document and are None otherwise.
    """

    y: Floats
    cluster: NDArray[np.intp]
    groups: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    count: Floats = field(default_factory=lambda: np.empty(0))
    score: Floats | None = None
    prob: Floats | None = None
    answer: NDArray[Any] | None = None

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

    def merge(self) -> Table:
        """Rows that agree in cluster, groups and ``y`` made one row, with their ``count`` added up.

        Only for row-additive metrics, those that depend on the rows through sums of weights over such cells.
        """
        columns = [self.cluster.astype(np.float64), self.y, *(g[:, k] for g in self.groups.values() for k in _of(g))]
        cells, first, inverse = np.unique(np.column_stack(columns), axis=0, return_index=True, return_inverse=True)
        if len(cells) == len(self.y):
            return self
        count = np.bincount(inverse.ravel(), weights=self.count, minlength=len(cells)).astype(np.float64)
        groups = {a: g[first] for a, g in self.groups.items()}
        return replace(self, y=self.y[first], cluster=self.cluster[first], groups=groups, count=count)


def _of(matrix: NDArray[np.bool_]) -> range:
    return range(matrix.shape[1])
