"""The rate metric held to fairlearn, and merged rows to unmerged ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, mean_prediction
from hypothesis import given, settings
from hypothesis import strategies as st
from lorafair.plugins.metrics.rate import rate

from lorafair.statistics.resample import sample
from lorafair.statistics.table import Table


def _table(y: np.ndarray, group: np.ndarray, cluster: np.ndarray, names: tuple[str, ...]) -> Table:
    member = np.array([[g == k for k in range(len(names))] for g in group])
    return Table(y.astype(float), cluster, {"race": member}, {"race": names})


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_equals_metric_frame(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 60))
    y = np.array(data.draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)))
    group = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    weight = np.array(data.draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)), dtype=float)
    found = rate(_table(y, group, np.arange(n), ("a", "b", "c", "d")), np.stack([np.ones(n), weight]))
    for row, w in enumerate((np.ones(n), weight)):
        frame = MetricFrame(
            metrics=mean_prediction,
            y_true=np.zeros(n),
            y_pred=y,
            sensitive_features=pd.Series(group, name="g"),
            sample_params={"sample_weight": w},
        )
        assert found["overall"][row] == pytest.approx(frame.overall, abs=1e-12)
        for k, name in enumerate(("a", "b", "c", "d")):
            value = found[f"group:race={name}"][row]
            if k in frame.by_group.index:
                assert value == pytest.approx(frame.by_group[k], abs=1e-12)
            else:
                assert np.isnan(value)
        if len(frame.by_group) > 1:
            assert found["gap"][row] == pytest.approx(frame.difference(), abs=1e-12)
        else:
            assert np.isnan(found["gap"][row])


def test_missing_denominator_is_nan_where_resample_loses_a_group() -> None:
    table = _table(np.array([1.0, 0.0]), np.array([0, 1]), np.array([0, 1]), ("a", "b"))
    found = rate(table, np.array([[2.0, 0.0], [0.0, 0.0]]))
    assert found["group:race=a"][0] == 1.0
    assert np.isnan(found["group:race=b"][0])
    assert np.isnan(found["overall"][1])


def test_gap_is_named_by_attribute_when_there_are_several() -> None:
    member = np.array([[True, False], [False, True]])
    both = {"a": member, "b": member}
    table = Table(np.array([1.0, 0.0]), np.arange(2), both, {"a": ("x", "y"), "b": ("u", "v")})
    assert {"gap:a", "gap:b"} <= set(rate(table, np.ones((1, 2))))
    assert "gap" not in rate(table, np.ones((1, 2)))


def test_merging_identical_rows_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    n = 300
    table = _table(rng.integers(0, 2, n), rng.integers(0, 3, n), rng.integers(0, 12, n), ("a", "b", "c"))
    assert len(table.merge().y) < n / 3

    def unmerged(table: Table, weights: np.ndarray) -> dict[str, np.ndarray]:
        return rate(table, weights)

    one, other = (sample(metric, table, resamples=50, seed=1) for metric in (rate, unmerged))
    assert set(one.keys) == set(other.keys)
    place = [other.keys.index(key) for key in one.keys]
    for field in ("estimate", "jackknife", "bootstrap", "mass"):
        np.testing.assert_allclose(getattr(one, field), getattr(other, field)[..., place], atol=1e-12)


def test_overlapping_groups_and_documents_without_a_group() -> None:
    member = np.array([[True, True], [True, False], [False, True], [False, False]])
    table = Table(np.array([1.0, 0.0, 1.0, 1.0]), np.arange(4), {"r": member}, {"r": ("a", "b")})
    found = sample(rate, table, resamples=10, seed=0)
    value = dict(zip(found.keys, found.estimate, strict=True))
    assert value["group:r=a"] == 0.5
    assert value["rest:r=a"] == 1.0  # the third document only: the last belongs to no group
    assert value["overall"] == 0.75
