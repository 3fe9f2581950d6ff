"""Further blocks of resamples of many means and contrasts: only their studentised values, many in one product.

Where every cluster has as many documents of a group as any other, the influences of a mean and of a contrast of means
are linear in the clusters' sums: a resample's distance from the estimate is their mean over the drawn clusters, and its
standard error comes from their squares, two columns for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lorafair.statistics.draw import Draw, draw_kinds
from lorafair.statistics.mean import Sums, add_kinds, evaluate
from lorafair.statistics.resample import Sampled, take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import Part, combine_all, divide_errors, studentise, take_part
from lorafair.statistics.table import Floats, Table

_COLUMNS = 512  # of one product
_ROWS = 32  # of what is made of it at a time, so that it stays in the cache

Key = tuple[str, str | None]
"""An estimand, and the one that is subtracted from it."""


@dataclass(frozen=True)
class _Linear:
    """K estimands that are linear in the clusters' sums: (K,) values and errors, (K, T) influences."""

    value: Floats
    se: Floats
    influence: Floats


@dataclass
class Resampled:
    """One table of means, and which estimands are resampled.

    ``known``: value, standard error and (C,) influence of every estimand, where they are known to be linear in the
    sums of C clusters; they serve where few of these are alike.
    """

    table: Table
    keys: Sequence[Key]
    known: Mapping[Key, tuple[float, float, Floats]] | None = None

    @cached_property
    def sums(self) -> Sums:
        """The table's sums over clusters, or over kinds of them."""
        return add_kinds([self.table])[0]

    @cached_property
    def linear(self) -> _Linear | None:
        """The estimands' influences, where they are linear in the sums."""
        if self.known is None or not self.alone:
            return _make_linear(self)
        value, se, influence = zip(*(self.known[key] for key in self.keys), strict=True)
        return _Linear(np.array(value), np.array(se), np.stack(influence))

    def keep(self, keys: Sequence[Key]) -> Resampled:
        """The same table with some of its estimands."""
        if list(keys) == list(self.keys):
            return self
        few, linear = Resampled(self.table, keys, self.known), self.linear
        few.sums = self.sums
        if linear is not None:
            at = [self.keys.index(key) for key in keys]
            few.linear = _Linear(linear.value[at], linear.se[at], linear.influence[at])
        return few

    @property
    def alone(self) -> bool:
        """Whether no clusters are drawn by kinds."""
        return len(self.sums.times) == round(float(self.sums.times.sum()))


def studentise_block(each: Sequence[Resampled], settings: Settings, block: int) -> list[Floats]:
    """For each table (K, B) studentised resamples of its estimands, from the block's own resamples.

    Args:
        each: tables of means.
        settings: B (``resamples``) and seed.
        block: which further resamples, from 1 on.
    """
    found: dict[int, Floats] = {}
    waiting: list[tuple[int, _Linear]] = []
    for i, one in enumerate(each):
        if one.linear is None:
            found[i] = _studentise(one, _draw(one, settings, block))
        elif one.alone:
            waiting.append((i, one.linear))
        else:
            found[i] = _multiply([one.linear], _draw(one, settings, block))[0]
    while waiting:
        clusters = waiting[0][1].influence.shape[1]
        now, room = list[tuple[int, _Linear]](), _COLUMNS
        for i, linear in waiting:
            if linear.influence.shape[1] == clusters and (not now or 2 * len(linear.value) <= room):
                now.append((i, linear))
                room -= 2 * len(linear.value)
        draw = take_draw(clusters, settings.resamples, settings.seed, block)
        found.update(zip((i for i, _ in now), _multiply([linear for _, linear in now], draw), strict=True))
        done = {i for i, _ in now}
        waiting = [two for two in waiting if two[0] not in done]
    return [found[i] for i in range(len(each))]


def _draw(one: Resampled, settings: Settings, block: int) -> Draw:
    times = one.sums.times
    if one.alone:
        return take_draw(len(times), settings.resamples, settings.seed, block)
    return draw_kinds(times, settings.resamples, settings.seed, block)


def _take_sums(sampled: Sampled, keys: Sequence[Key]) -> list[list[Part]]:
    return [
        [take_part(sampled, each, sign) for each, sign in zip(key, (1.0, -1.0), strict=True) if each] for key in keys
    ]


def _studentise(one: Resampled, draw: Draw) -> Floats:
    draw.make_room()
    sampled = evaluate(one.sums, one.table, draw)
    return np.stack([found.t for found in combine_all(_take_sums(sampled, one.keys), draw)])


def _make_linear(one: Resampled) -> _Linear | None:
    """None where clusters differ in their documents, or an estimand has no error."""
    clusters = Draw(one.sums.times[None, :], one.sums.times)
    sampled = evaluate(one.sums, one.table, clusters)
    used = [sampled.keys.index(each) for key in one.keys for each in key if each]
    even = bool((sampled.mass[:, used] == sampled.mass[0, used]).all())
    if not used or not even or not np.array_equal(one.sums.size, one.sums.documents):
        return None
    found = [studentise(sampled, *key) for key in one.keys]
    if any(not len(each.influence) for each in found):
        return None
    value, se = np.array([each.value for each in found]), np.array([each.se for each in found])
    return _Linear(value, se, np.stack([each.influence for each in found]))


def _multiply(each: Sequence[_Linear], draw: Draw) -> list[Floats]:
    """The studentised resamples of several tables in one draw.

    In single precision, twice as fast: what is counted is how many of them lie beyond a value.
    """
    value, se = (np.concatenate([getattr(one, name) for one in each]) for name in ("value", "se"))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.concatenate([one.influence for one in each]) / np.where(se > 0, se, 1.0)[:, None]
    z = z.astype(np.float32)
    moved, squares = np.split(np.concatenate([z, z * z]) @ draw.single.T / np.float32(draw.clusters), 2)
    t = np.empty(moved.shape)
    for at in range(0, len(z), _ROWS):
        some = slice(at, at + _ROWS)
        error = np.sqrt(np.maximum(squares[some] - moved[some] ** 2, 0.0) / (draw.clusters - 1))
        scale = np.where(se[some] > 0, se[some], 1.0)[:, None]
        t[some] = divide_errors(moved[some] * scale, error * scale, value[some], se[some])[0]
    ends = np.cumsum([len(one.value) for one in each])[:-1]
    return np.split(t, ends)
