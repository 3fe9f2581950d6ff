"""Cluster resamples, and the sums over them that many estimates share: each is made once, many in one product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement

import numpy as np

from lorafair.statistics.table import Floats

_KEPT = 8_000_000  # cells of sums that a draw keeps
_FEW = 32_768  # cells of weights up to which it is quicker to go through them than to keep products of columns


class Draw:
    """B resamples of C clusters of T kinds; clusters of one kind are equal in everything that is asked of them.

    ``weights`` (B, T): how often clusters of each kind were drawn, each row adding up to C; ``times`` (T,): how many
    clusters there are of each kind, 1 where no two are alike.  A column (T,) that is asked about gets a place, the same
    for equal ones, and its means and products over the drawn clusters are kept.
    """

    def __init__(self, weights: Floats, times: Floats | None = None) -> None:
        self.weights = weights
        self.times = np.ones(weights.shape[1]) if times is None else times
        self.clusters = int(round(float(self.times.sum())))
        self.emptied = 0  # how often what was kept was forgotten
        self._empty()

    def _empty(self) -> None:
        self._place: dict[bytes, int] = {}
        self._columns: list[Floats] = []
        self._flat: list[float | None] = []  # a column's value, where it has one value only
        self._found: dict[tuple[int, int], Floats] = {}

    @property
    def few(self) -> bool:
        """Whether there are so few weights that no products of columns are worth keeping."""
        return self.weights.size <= _FEW

    def make_room(self) -> None:
        """Forget what was kept, where it is too much: places given before do not hold any more."""
        if len(self._found) * len(self.weights) > _KEPT:
            self.emptied += 1
            self._empty()

    def place(self, column: Floats) -> int:
        """The place of a column."""
        key = column.tobytes()
        place = self._place.get(key)
        if place is None:
            place = self._place[key] = len(self._columns)
            first = float(column[0]) if len(column) else 0.0
            self._columns.append(column)
            self._flat.append(first if bool((column == first).all()) else None)
        return place

    def column(self, place: int) -> Floats:
        """The column at a place."""
        return self._columns[place]

    def is_flat(self, place: int) -> bool:
        """Whether the column has one value only, so that it does not vary over clusters."""
        return self._flat[place] is not None

    def prepare(self, sets: Iterable[Sequence[int]], products: bool = True) -> None:
        """Make the means and products of several sets of places in one matrix product, those that are not there yet."""
        missing: dict[tuple[int, int], None] = {}
        for places in sets:
            keys = [(-1, i) for i in places]
            keys += [(min(pair), max(pair)) for pair in combinations_with_replacement(places, 2)] if products else []
            for i, j in keys:
                if self._flat[j] is None and (i < 0 or self._flat[i] is None) and (i, j) not in self._found:
                    missing[i, j] = None
        if not missing:
            return
        matrix = np.empty((len(missing), self.weights.shape[1]))
        for row, (i, j) in zip(matrix, missing, strict=True):
            if i < 0:
                row[:] = self._columns[j]
            else:
                np.multiply(self._columns[i], self._columns[j], out=row)
        made = (matrix @ self.weights.T) / self.clusters
        self._found.update(zip(missing, made, strict=True))

    def mean(self, place: int) -> Floats:
        """(B,) means of a column over the drawn clusters."""
        found = self._found.get((-1, place))
        if found is not None:
            return found
        flat = self._flat[place]
        if flat is not None:
            self._found[-1, place] = np.full(len(self.weights), flat)
        else:
            self.prepare([[place]], products=False)
        return self._found[-1, place]

    def product(self, one: int, other: int) -> Floats:
        """(B,) means of the product of two columns over the drawn clusters."""
        i, j = min(one, other), max(one, other)
        found = self._found.get((i, j))
        if found is not None:
            return found
        for flat, left in ((self._flat[i], j), (self._flat[j], i)):
            if flat is not None:
                return flat * self.mean(left)
        self.prepare([[i, j]])
        return self._found[i, j]

    def mean_all(self, matrix: Floats) -> Floats:
        """(B, K) means over the drawn clusters of the columns of a matrix (T, K)."""
        places = [self.place(column) for column in matrix.T]
        self.prepare([places], products=False)
        return np.stack([self.mean(place) for place in places]).T


def draw_kinds(times: Floats, resamples: int, seed: int, block: int = 0) -> Draw:
    """Resamples of clusters of which some are alike: a multinomial over their kinds, as likely as there are of each."""
    clusters = int(times.sum())
    rng = np.random.default_rng([seed, clusters, len(times), block])
    drawn = rng.multinomial(clusters, times / clusters, size=resamples)
    return Draw(drawn.astype(np.float64), times)
