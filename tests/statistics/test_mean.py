"""The fast way to a mean's resamples held to the slow one, and clusters drawn by kinds to clusters drawn singly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lorafair.plugins.metrics.rate import rate

from lorafair.statistics.compare import measure, subtract
from lorafair.statistics.draw import Draw, draw_kinds
from lorafair.statistics.mean import sample_kinds, sample_mean
from lorafair.statistics.pair import Column
from lorafair.statistics.resample import draw_weights, sample
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import studentise
from lorafair.statistics.table import Table
from lorafair.statistics.tail import ENOUGH, sharpen


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 12), st.booleans())
def test_sums_over_clusters_give_what_the_metric_gives(seed: int, n: int, clusters: int, holes: bool) -> None:
    """Overlapping groups, documents without any, missing values, uneven clusters, several attributes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n).astype(float) if seed % 2 else rng.normal(size=n)
    y[rng.random(n) < 0.2 * holes] = np.nan
    cluster = np.unique(rng.integers(0, clusters, n), return_inverse=True)[1]
    groups = {"a": rng.random((n, 3)) < 0.4, "b": rng.random((n, 2)) < 0.6}
    table = Table(y, cluster, groups, {"a": ("x", "y", "z"), "b": ("u", "v")}, rng.integers(1, 4, n).astype(float))
    slow, fast = sample(rate, table, resamples=20, seed=1), sample_mean(table, resamples=20, seed=1)
    assert fast.keys == slow.keys
    for name in ("estimate", "jackknife", "bootstrap", "mass", "weights"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-10, err_msg=name)


def test_moments_are_means_of_columns_and_products() -> None:
    rng = np.random.default_rng(0)
    draw = Draw(draw_weights(30, 50, 1), None)
    a, b = rng.normal(size=30), rng.normal(size=30)
    columns = [a, b, np.full(30, 2.5), a.copy()]
    places = [draw.place(one) for one in columns]
    assert places == [0, 1, 2, 0]
    draw.prepare([places[:2]])
    for i in range(4):
        np.testing.assert_allclose(draw.mean(places[i]), draw.weights @ columns[i] / 30, atol=1e-12)
        for j in range(4):
            wanted = draw.weights @ (columns[i] * columns[j]) / 30
            np.testing.assert_allclose(draw.product(places[i], places[j]), wanted, atol=1e-12)


def test_kinds_are_drawn_as_often_as_their_clusters() -> None:
    times = np.array([400.0, 90.0, 10.0])
    weights = draw_kinds(times, 40_000, 0).weights
    assert (weights.sum(axis=1) == 500).all()
    share = times / 500
    np.testing.assert_allclose(weights.mean(axis=0), times, atol=0.3)
    np.testing.assert_allclose(np.cov(weights.T), 500 * (np.diag(share) - np.outer(share, share)), atol=2)


def _singles(n: int, shift: float, seed: int = 0) -> Column:
    """Two models' right or wrong answers to n independent documents of four groups."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, n)
    one = (rng.random(n) < 0.3).astype(float)
    other = np.where(rng.random(n) < 0.8, one, (rng.random(n) < 0.3)).astype(float)
    other = np.where((group == 1) & (rng.random(n) < shift), 1.0, other)
    names = {"r": ("a", "b", "c", "d")}
    return Column("t", "m", {"base": one, "model": other}, np.arange(n), {"r": group[:, None] == np.arange(4)}, names,
                  higher_is_better=False)  # fmt: skip


def test_documents_of_one_kind_give_the_same_errors_and_p_values() -> None:
    column, more = _singles(600, 0.1), Settings(resamples=20_000)
    plain = replace(column, function=lambda table, weights, **_: rate(table, weights), cache={})
    plain.function.mean_of_y = True
    kinds, singly = (subtract(one, "model", "base", rate, more) for one in (column, plain))
    table, _ = column.table("base")
    drawn = sample_kinds([table], resamples=10, seed=0)
    assert drawn is not None
    assert drawn[0].weights.shape == (10, 8)  # four groups, right or wrong
    for name in "abcd":
        one, other = kinds.summary.contrasts["r"][name], singly.summary.contrasts["r"][name]
        assert (one.value, one.se) == pytest.approx((other.value, other.se), rel=1e-9)
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.05 * one.se)
        assert one.p_max == pytest.approx(other.p_max, abs=0.015)
        odds = [each.summary.log_odds["r"][name] for each in (kinds, singly)]
        assert odds[0].se == pytest.approx(odds[1].se, rel=1e-9)
        assert odds[0].p == pytest.approx(odds[1].p, abs=0.015)
    alone, one_by_one = (measure(each, "model", rate, more) for each in (column, plain))
    assert alone.between["r"].value == pytest.approx(one_by_one.between["r"].value, rel=1e-9)
    assert (alone.n, alone.clusters) == (one_by_one.n, one_by_one.clusters) == (600, 600)


def test_clusters_without_an_equal_are_drawn_singly() -> None:
    rng = np.random.default_rng(3)
    table = Table(rng.normal(size=40), np.repeat(np.arange(20), 2))
    assert sample_kinds([table], resamples=10, seed=0) is None
    equal = Table(np.tile([0.0, 1.0], 20), np.repeat(np.arange(20), 2))
    (found,) = sample_kinds([equal], resamples=10, seed=0) or []
    assert found.weights.tolist() == [[20.0]] * 10
    assert studentise(found, "overall").se == 0


def test_small_p_values_are_counted_on_and_large_ones_stay() -> None:
    settings = Settings(resamples=500, most=10_000)
    moved, null = _clustered(0.25), _clustered(0.0, seed=6)
    for column, small in ((moved, True), (null, False)):
        pair = subtract(column, "model", "base", rate, settings)
        (done,) = sharpen([pair], rate, settings)
        before, after = pair.summary.contrasts["r"]["b"], done.summary.contrasts["r"]["b"]
        assert (after.low, after.high, after.value) == (before.low, before.high, before.value)
        if not small:
            assert pair.summary.overall.p > ENOUGH / 500
            assert done == pair
            continue
        whole = subtract(column, "model", "base", rate, Settings(resamples=10_000))
        wanted = whole.summary.contrasts["r"]["b"]
        assert before.p_max == pytest.approx(1 / 501)
        assert after.p_max == pytest.approx(wanted.p_max, abs=3e-4)
        assert after.p_max < 0.001
        assert after.method.endswith("p from 10000")
        assert after.p <= after.p_max


def _clustered(shift: float, seed: int = 5) -> Column:
    """60 templates x 4 groups x 2; documents of a template are alike."""
    rng = np.random.default_rng(seed)
    template = np.repeat(np.arange(60), 8)
    group = np.tile(np.arange(4), 120)
    level = 0.3 + 0.3 * rng.random(60)[template]
    one = (rng.random(480) < level).astype(float)
    other = (rng.random(480) < level + shift * (group == 1)).astype(float)
    names = {"r": ("a", "b", "c", "d")}
    return Column("t", "m", {"base": one, "model": other}, template, {"r": group[:, None] == np.arange(4)}, names,
                  higher_is_better=False)  # fmt: skip


def test_questions_with_a_margin_are_counted_on_too() -> None:
    settings = Settings(resamples=500, most=5000, margin=0.9)
    pair = subtract(_clustered(0.0), "model", "base", rate, settings)
    (done,) = sharpen([pair], rate, settings)
    before, after = pair.summary.overall, done.summary.overall
    assert before.p_above == before.p_below == pytest.approx(1 / 501)
    assert after.p_above == after.p_below == pytest.approx(1 / 5001)
