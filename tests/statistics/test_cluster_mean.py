"""Means from sums over clusters are what asking the metric gives, and are taken where a metric says they may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lorafair.plugins.metrics.rate import rate

from lorafair.statistics.compare import measure
from lorafair.statistics.mean import sample_mean
from lorafair.statistics.pair import Column
from lorafair.statistics.resample import sample
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Table


def asked(table: Table, weights: Floats, **more: Any) -> dict[str, Floats]:
    """The rate, without saying that it is a mean."""
    return rate(table, weights)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 12), st.booleans())
def test_sums_over_clusters_equal_the_metric_asked(seed: int, n: int, clusters: int, many: bool) -> None:
    rng = np.random.default_rng(seed)
    member = rng.random((n, 3)) < 0.4  # overlapping, some empty
    groups = {"r": member} | ({"s": rng.random((n, 2)) < 0.5} if many else {})
    names = {"r": ("a", "b", "c")} | ({"s": ("x", "y")} if many else {})
    cluster = np.unique(rng.integers(0, clusters, n), return_inverse=True)[1]
    table = Table(rng.choice([0.0, 0.2, 1.0], n), cluster, groups, names, rng.integers(1, 4, n).astype(float))
    short, long = sample_mean(table, resamples=20, seed=1), sample(asked, table, resamples=20, seed=1)
    assert set(short.keys) == set(long.keys)
    for key in long.keys:
        i, j = short.keys.index(key), long.keys.index(key)
        for name in ("estimate", "jackknife", "bootstrap", "mass"):
            one, other = getattr(short, name)[..., i], getattr(long, name)[..., j]
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=f"{key} {name}")


def test_a_metric_that_is_not_the_mean_it_says_it_is_is_asked() -> None:
    def doubled(table: Table, weights: Floats, **more: Any) -> dict[str, Floats]:
        return {key: 2 * value for key, value in rate(table, weights).items()}

    doubled.mean_of_y = True  # type: ignore[attr-defined]
    y = np.array([0.0, 0.5, 0.5, 0.0])
    column = Column("t", "m", {"a": y}, np.arange(4), {}, {}, higher_is_better=None, function=doubled)
    found = measure(column, "a", rate, Settings(resamples=5))
    assert found is not None
    assert found.overall.value == pytest.approx(0.5)
