"""Cluster resamples, and the sums over them that many estimates share: each is made once, many in one product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.table import Floats

_KEPT = 8_000_000  # cells of sums that a draw keeps
_FEW = 32_768  # cells of weights up to which it is quicker to go through them than to keep products of columns


class Draw:
    """B resamples of C clusters of T kinds; clusters of one kind are equal in everything that is asked of them.

    ``weights`` (B, T): how often clusters of each kind were drawn, each row adding up to C; ``times`` (T,): how many
    clusters there are of each kind, 1 where no two are alike.  A column (T,) that is asked about gets a place, the same
    for equal ones, and its means and products over the drawn clusters are kept.  Those of a difference of two columns
    come from theirs.
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
        self._halves: dict[int, tuple[int, int]] = {}

    @property
    def few(self) -> bool:
        """Whether there are so few weights that no products of columns are worth keeping."""
        return self.weights.size <= _FEW

    @cached_property
    def single(self) -> NDArray[np.float32]:
        """The weights in single precision."""
        return self.weights.astype(np.float32)

    def make_room(self, more: int = 0) -> None:
        """Forget what was kept, where it is too much with ``more``: places given before do not hold any more."""
        if (len(self._found) + more) * len(self.weights) > _KEPT:
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

    def place_difference(self, column: Floats, one: int, other: int) -> int:
        """The place of a column that is the one at ``one`` minus the one at ``other``."""
        new = len(self._columns)
        place = self.place(column)
        if place == new:
            self._halves[place] = one, other
        return place

    def know_mean(self, place: int, mean: Floats) -> None:
        """The (B,) means of a column that are known from elsewhere."""
        self._found.setdefault((-1, place), mean)

    def column(self, place: int) -> Floats:
        """The column at a place."""
        return self._columns[place]

    def is_flat(self, place: int) -> bool:
        """Whether the column has one value only, so that it does not vary over clusters."""
        return self._flat[place] is not None

    def prepare(self, sets: Iterable[Sequence[int]], products: bool = True) -> None:
        """Make the means and products of several sets of places in one matrix product, those that are not there yet."""
        missing: dict[tuple[int, int], None] = {}

        def ask(i: int, j: int) -> None:
            if (i, j) in self._found or self._flat[j] is not None or (i >= 0 and self._flat[i] is not None):
                return
            halves = self._halves.get(i, (i,)), self._halves.get(j, (j,))
            if len(halves[0]) == len(halves[1]) == 1:
                missing[i, j] = None
                return
            for one in halves[0]:
                for other in halves[1]:
                    ask(min(one, other), max(one, other))

        for places in sets:
            for i in places:
                ask(-1, i)
            for one, other in combinations_with_replacement(places, 2) if products else ():
                ask(min(one, other), max(one, other))
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
        flat, halves = self._flat[place], self._halves.get(place)
        if flat is not None:
            self._found[-1, place] = np.full(len(self.weights), flat)
        elif halves is not None:
            self._found[-1, place] = self.mean(halves[0]) - self.mean(halves[1])
        else:
            self.prepare([[place]], products=False)
        return self._found[-1, place]

    def mean_short(self, place: int) -> Floats:
        """:meth:`mean`, of shape (1,) where the column has one value only."""
        flat = self._flat[place]
        return self.mean(place) if flat is None else np.array([flat])

    def product(self, one: int, other: int) -> Floats:
        """(B,) means of the product of two columns over the drawn clusters."""
        i, j = min(one, other), max(one, other)
        found = self._found.get((i, j))
        if found is not None:
            return found
        for flat, left in ((self._flat[i], j), (self._flat[j], i)):
            if flat is not None:
                return flat * self.mean(left)
        for halves, left in ((self._halves.get(i), j), (self._halves.get(j), i)):
            if halves is not None:
                made = self._found[i, j] = self.product(halves[0], left) - self.product(halves[1], left)
                return made
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
