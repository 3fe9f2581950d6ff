"""Cluster resamples, and the sums over them that many estimates share: each is made once, many in one product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement

import numpy as np

from lorafair.statistics.table import Floats

_KEPT = 8_000_000  # cells of sums that a draw keeps


class Draw:
    """B resamples of C clusters of T kinds; clusters of one kind are equal in everything that is asked of them.

    ``weights`` (B, T): how often clusters of each kind were drawn, each row adding up to C; ``times`` (T,): how many
    clusters there are of each kind, 1 where no two are alike.
    """

    def __init__(self, weights: Floats, times: Floats | None = None) -> None:
        self.weights = weights
        self.times = np.ones(weights.shape[1]) if times is None else times
        self.clusters = int(round(float(self.times.sum())))
        self._place: dict[bytes, int] = {}
        self._columns: list[Floats] = []
        self._flat: list[float | None] = []  # a column's value, where it has one value only
        self._found: dict[tuple[int, int], Floats] = {}

    def mean(self, column: Floats) -> Floats:
        """(B,) means over the drawn clusters of a column (T,)."""
        return self.moments([column], products=False)[0][0]

    def mean_all(self, matrix: Floats) -> Floats:
        """(B, K) means over the drawn clusters of the columns of a matrix (T, K)."""
        return np.column_stack(self.moments(list(matrix.T), products=False)[0])

    def moments(self, columns: Sequence[Floats], products: bool = True) -> tuple[list[Floats], list[Floats]]:
        """Means (B,) over the drawn clusters: of each column (T,), and of each product of two.

        Returns:
            the columns' in their order; the products' in that of ``combinations_with_replacement`` of the columns.
        """
        self.prepare([columns], products)
        places = [self._register(column) for column in columns]
        pairs = combinations_with_replacement(places, 2) if products else ()
        return [self._take(-1, place) for place in places], [self._take(i, j) for i, j in pairs]

    def prepare(self, sets: Iterable[Sequence[Floats]], products: bool = True) -> None:
        """Make the moments of several sets of columns in one matrix product, those that are not there yet."""
        sets = list(sets)
        wanted = self._list_missing(sets, products)
        if wanted and len(self._found) * len(self.weights) > _KEPT:
            self._place, self._columns, self._flat, self._found = {}, [], [], {}
            wanted = self._list_missing(sets, products)
        if not wanted:
            return
        matrix = np.empty((self.weights.shape[1], len(wanted)))
        for k, (i, j) in enumerate(wanted):
            if i < 0:
                matrix[:, k] = self._columns[j]
            else:
                np.multiply(self._columns[i], self._columns[j], out=matrix[:, k])
        made = np.ascontiguousarray((self.weights @ matrix).T) / self.clusters
        self._found.update(zip(wanted, made, strict=True))

    def _list_missing(self, sets: Iterable[Sequence[Floats]], products: bool) -> list[tuple[int, int]]:
        """Pairs of places whose moment is still to be made, -1 for no second column; none with a flat column."""
        missing: dict[tuple[int, int], None] = {}
        for columns in sets:
            places = [self._register(column) for column in columns]
            keys = [(-1, i) for i in places]
            keys += [(min(pair), max(pair)) for pair in combinations_with_replacement(places, 2)] if products else []
            for i, j in keys:
                if self._flat[j] is None and (i < 0 or self._flat[i] is None) and (i, j) not in self._found:
                    missing[i, j] = None
        return list(missing)

    def _register(self, column: Floats) -> int:
        key = column.tobytes()
        place = self._place.get(key)
        if place is None:
            place = self._place[key] = len(self._columns)
            first = float(column[0]) if len(column) else 0.0
            self._columns.append(column)
            self._flat.append(first if bool((column == first).all()) else None)
        return place

    def _take(self, i: int, j: int) -> Floats:
        i, j = min(i, j), max(i, j)
        flat, other = self._flat[j], None if i < 0 else self._flat[i]
        if i < 0:
            return self._found[i, j] if flat is None else np.full(len(self.weights), flat)
        if flat is not None:
            return flat * self._take(-1, i)
        return self._found[i, j] if other is None else other * self._take(-1, j)


def draw_kinds(times: Floats, resamples: int, seed: int, block: int = 0) -> Draw:
    """Resamples of clusters of which some are alike: a multinomial over their kinds, as likely as there are of each."""
    clusters = int(times.sum())
    rng = np.random.default_rng([seed, clusters, len(times), block])
    drawn = rng.multinomial(clusters, times / clusters, size=resamples)
    return Draw(drawn.astype(np.float64), times)
