"""Levels of an attribute's groups in cluster resamples: studentised means of values, and of differences of two.

Values over the same documents share the resamples and the groups' sizes; a difference takes its means over a resample
from the two values' and adds its squares only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lorafair.statistics.draw import Draw
from lorafair.statistics.exact import bound_level
from lorafair.statistics.grouping import Mask
from lorafair.statistics.resample import take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Table

FLAT, LOST = 0.1, 0.01  # as for bootstrap-t elsewhere: what is no standard error, and how many resamples may have none
_EXACT = 2.0**24  # below it single precision holds every whole number
_LARGE = 20_000_000  # cells of resamples that are not kept in single precision beside double


@dataclass(frozen=True)
class Levels:
    """Studentised means of ``y`` over g groups.

    ``y``: (n,) values; ``sums``: (g, C) over the clusters; ``value``, ``error``: (g,) means and standard errors;
    ``usable``: (g,) whom bootstrap-t serves; ``top``: (B,) the largest ``|t*|`` of these.

    Of the L groups that are large enough ``mean`` (L, B), the mean of ``sums`` over the clusters of each resample, and
    ``product`` (L, B), that of ``sums`` times the groups' sizes, None where all clusters are of one size.  ``low`` and
    ``high``: ends of ``y``; ``exact``: (group, alpha) -> its exact bounds, where asked for.
    """

    y: Floats
    sums: Floats
    value: Floats
    error: Floats
    usable: Mask
    top: Floats
    mean: Floats
    product: Floats | None
    low: float
    high: float
    exact: dict[tuple[int, float], tuple[float, float]] = field(default_factory=dict)

    @property
    def least(self) -> float:
        """The smallest level that values like these can have, if they are ``inside``."""
        return 0.0 if self.low >= 0 else -1.0

    @property
    def inside(self) -> bool:
        """Whether the values lie in [-1, 1]."""
        return self.high <= 1 and self.low >= -1


class Groups:
    """The groups of one attribute that have documents, over C clusters, and their resamples.

    Args:
        table: documents that all count, in two clusters or more, ``count`` each.
        attribute: one that some document has.
        settings: B, seed, and how large a group must be for bootstrap-t.
    """

    def __init__(self, table: Table, attribute: str, settings: Settings) -> None:
        member = table.groups[attribute]
        self.table, self.clusters, self._drawn = table, table.clusters, (settings.resamples, settings.seed)
        self.masks = [member[:, k] for k in range(member.shape[1]) if member[:, k].any()]
        self._rows = np.concatenate([np.flatnonzero(mask) for mask in self.masks])
        shift = np.repeat(np.arange(len(self.masks)) * self.clusters, [int(mask.sum()) for mask in self.masks])
        self._cells = table.cluster[self._rows] + shift
        self.size = self._add(table.count)
        clusters = (self._add(np.ones(len(table.y))) > 0).sum(axis=1)
        enough = (self.size.sum(axis=1) >= settings.min_n) & (clusters >= settings.min_clusters)
        self.large = np.flatnonzero(enough)
        self._even = bool((self.size == self.size[:, :1]).all())
        self._of_size: list[Floats] | None = None  # (L, B) means of the sizes and of their squares

    @property
    def draw(self) -> Draw:
        """The resamples."""
        return take_draw(self.clusters, *self._drawn)

    def measure(self, each: Sequence[Floats]) -> list[Levels]:
        """The levels of several models' values (n,)."""
        sums, many = [self._add(y * self.table.count) for y in each], len(each)
        asked = [one[self.large] for one in sums]
        if not all(bool(((one == 0) | (one == 1)).all()) for one in asked):  # these are their own squares
            asked += [one * one for one in asked[:many]]
        size = self.size[self.large]
        if not self._even:
            asked += [one * size for one in asked[:many]]
            asked += [] if self._of_size else [size, size * size]
        made = self._resample(asked)
        if not self._even and self._of_size is None:
            self._of_size = [made.pop(-2).copy(), made.pop().copy()]
        means = [one.copy() for one in made[:many]]  # what is kept holds nothing else
        products: list[Floats | None] = [None] * many
        if not self._even:
            products = [one.copy() for one in made[-many:]]
            del made[-many:]
        return [self._studentise(*one) for one in zip(each, sums, means, made[-many:], products, strict=True)]

    def subtract(self, pairs: Sequence[tuple[Levels, Levels]]) -> list[Levels]:
        """The levels of the first minus the second values of each pair."""
        sums = [one.sums - other.sums for one, other in pairs]
        moments = self._resample([each[self.large] ** 2 for each in sums])
        found = []
        for (one, other), added, moment in zip(pairs, sums, moments, strict=True):
            product = None if one.product is None or other.product is None else one.product - other.product
            found.append(self._studentise(one.y - other.y, added, one.mean - other.mean, moment, product))
        return found

    def bound(self, levels: Levels, group: int, alpha: float) -> tuple[float, float]:
        """Exact bounds of one of the levels: see :func:`lorafair.statistics.exact.bound_level`."""
        found = levels.exact.get((group, alpha))
        if found is None:
            table = Table(levels.y, self.table.cluster, count=self.table.count)
            found = bound_level(table, self.masks[group], alpha, signed=levels.least < 0)
            levels.exact[group, alpha] = found
        return found

    def _add(self, values: Floats) -> Floats:
        """(g, C) sums of values (n,) over each group's documents in each cluster."""
        many = len(self.masks) * self.clusters
        added = np.bincount(self._cells, values[self._rows], many).astype(np.float64)
        return added.reshape(len(self.masks), self.clusters)

    def _resample(self, each: Sequence[Floats]) -> list[Floats]:
        """(K, B) means of several sets of columns (K, C) over the clusters of each resample, in one product.

        Whole numbers whose sums single precision holds are added up in it: exact, and twice as fast.
        """
        draw, columns = self.draw, np.concatenate(each)
        largest = max(float(columns.max(initial=0.0)), -float(columns.min(initial=0.0)))
        small = largest * self.clusters < _EXACT and draw.weights.size <= _LARGE
        if small and np.array_equal(columns, np.rint(columns)):
            made = (columns.astype(np.float32) @ draw.single.T).astype(np.float64)
        else:
            made = columns @ draw.weights.T
        made /= self.clusters
        return np.split(made, len(each))

    def _studentise(self, y: Floats, sums: Floats, mean: Floats, moment: Floats, product: Floats | None) -> Levels:
        """The levels from their moments over each resample.

        With sums A and N of values and documents over clusters c, ``r = A / N`` and ``u_c = (A_c - r N_c) / N``:
        ``se^2 = C/(C-1) sum_c u_c^2``; in a resample the same with its weights, its r and its N.  A resample whose
        standard error is lost, below ``FLAT`` of the sample's, is infinite.
        """
        size, rows = self.size, self.large
        a, n, aa, an, nn = (each.mean(axis=1) for each in (sums, size, sums * sums, sums * size, size * size))
        with np.errstate(divide="ignore", invalid="ignore"):
            value, error = _divide_sums(a, n, aa, an, nn, self.clusters)
            if product is None or self._of_size is None:  # every cluster has as many documents of the group as another
                drawn, errors = _divide_even(mean, moment, size[rows, :1], self.clusters)
            else:
                n, nn = self._of_size
                drawn, errors = _divide_sums(mean, n, moment, product, nn, self.clusters)
            t = np.abs((drawn - value[rows, None]) / errors)
        lost = ~((errors > np.maximum(FLAT * error[rows], 1e-9)[:, None]) & (t < np.inf))
        t[lost] = np.inf
        usable = np.zeros(len(value), dtype=bool)
        usable[rows] = (error[rows] > 1e-9) & (lost.mean(axis=1) <= LOST)
        top = t[usable[rows]].max(axis=0, initial=0.0)
        return Levels(y, sums, value, error, usable, top, mean, product, float(y.min()), float(y.max()))


def _divide_even(a: Floats, aa: Floats, size: Floats, clusters: int) -> tuple[Floats, Floats]:
    """r and its standard error from the means of A and of its square, N being the same in all clusters."""
    return a / size, np.sqrt(np.maximum(aa - a * a, 0.0) / (clusters - 1)) / size


def _divide_sums(a: Floats, n: Floats, aa: Floats, an: Floats, nn: Floats, clusters: int) -> tuple[Floats, Floats]:
    """r and its standard error from the means of A, N and their products."""
    r = a / n
    variance = (aa - 2 * r * an + r * r * nn) / n**2
    return r, np.sqrt(np.maximum(variance, 0.0) / (clusters - 1))
