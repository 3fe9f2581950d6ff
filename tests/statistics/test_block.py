"""Further resamples of many tables at once: the values that each table's own resamples give."""

from __future__ import annotations

import numpy as np
import pytest

from lorafair.statistics.block import Key, Resampled, studentise_block
from lorafair.statistics.mean import evaluate
from lorafair.statistics.resample import take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import studentise
from lorafair.statistics.table import Table

KEYS: list[Key] = [("overall", None), *((f"group:r={name}", f"rest:r={name}") for name in "abcd")]
FEW = Settings(resamples=150, seed=4)


def make(seed: int, clusters: int, even: bool = True) -> Resampled:
    rng = np.random.default_rng(seed)
    group = np.tile(np.arange(4), clusters)
    cluster = np.repeat(np.arange(clusters), 4)
    y = rng.choice([-1.0, 0.0, 1.0], len(group), p=[0.2, 0.5, 0.3])
    if not even:
        kept = np.arange(len(group)) != 1
        group, cluster, y = group[kept], cluster[kept], y[kept]
    return Resampled(Table(y, cluster, {"r": group[:, None] == np.arange(4)}, {"r": tuple("abcd")}), KEYS)


def test_tables_at_once_give_what_each_gives_alone() -> None:
    each = [make(0, 30), make(1, 40), make(2, 30), make(3, 30, even=False)]
    assert [one.linear is None for one in each] == [False, False, False, True]
    for block in (1, 2):
        for one, found in zip(each, studentise_block(each, FEW, block), strict=True):
            draw = take_draw(len(one.sums.times), 150, 4, block)
            sampled = evaluate(one.sums, one.table, draw)
            for key, t in zip(KEYS, found, strict=True):
                np.testing.assert_allclose(t, studentise(sampled, *key).t, rtol=1e-4, atol=1e-5)


def test_blocks_are_further_resamples() -> None:
    one = make(0, 30)
    first, second = (studentise_block([one], FEW, block)[0][0] for block in (1, 2))
    assert not np.array_equal(first, second)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.3


def test_clusters_of_one_kind_are_drawn_by_kinds() -> None:
    table = make(0, 400).table
    table = Table(np.where(table.cluster % 2, 1.0, 0.0), table.cluster, table.groups, table.names)
    one = Resampled(table, [("overall", None)])
    assert len(one.sums.times) == 2
    (found,) = studentise_block([one], FEW, 1)[0]
    assert np.isfinite(found).all()
    assert np.std(found) == pytest.approx(1, abs=0.2)
