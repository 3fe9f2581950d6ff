"""What estimates share of the resamples gives what each would compute by itself."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from lorafair.metric import load_metric
from lorafair.statistics.ahead import prepare_models
from lorafair.statistics.block import Resampled
from lorafair.statistics.compare import Column, measure, subtract
from lorafair.statistics.draw import Draw
from lorafair.statistics.interval import Estimate
from lorafair.statistics.level_bound import bound_levels
from lorafair.statistics.margin import judge_margin
from lorafair.statistics.naming import _compare_again
from lorafair.statistics.pair import Pair, sample_models
from lorafair.statistics.resample import draw_weights, take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import Studentised, studentise, studentise_all
from lorafair.statistics.summary import summarise
from lorafair.statistics.table import Table
from lorafair.statistics.tail import sharpen

NAMES = tuple("abcd")
RATE = load_metric("rate")
FEW = Settings(resamples=300, seed=3)


def make_column(seed: int, clusters: int = 150, even: bool = True) -> Column:
    """Three models' answers to prompts of four groups in templates; not ``even``: some templates lack groups."""
    rng = np.random.default_rng(seed)
    group, cluster = np.tile(np.arange(4), clusters), np.repeat(np.arange(clusters), 4)
    if not even:
        kept = rng.random(len(group)) < 0.8
        group, cluster = group[kept], np.unique(cluster[kept], return_inverse=True)[1]
    shift = rng.normal(0, 0.8, cluster.max() + 1)[cluster]
    values = {
        name: (rng.random(len(group)) < 1 / (1 + np.exp(1 - shift - more * (group == 1)))).astype(np.float64)
        for name, more in (("base", 0.0), ("lora", 1.5), ("full", 0.0))
    }
    member = {"r": group[:, None] == np.arange(4)}
    return Column("t", "rate", values, cluster=cluster, groups=member, names={"r": NAMES}, higher_is_better=False)


@pytest.mark.parametrize("even", [True, False])
def test_a_difference_from_its_halves_is_the_difference(even: bool) -> None:
    column = make_column(0, even=even)
    table, scored = column.table("lora", "base")
    one, other = sample_models(column, ["lora", "base"], table, scored, RATE, FEW)
    assert not one.draw.few
    assert bool(one.linear[one.keys.index("group:r=b")]) is even
    keys = [("overall", None), *((f"group:r={n}", f"rest:r={n}") for n in NAMES), ("group:r=a", None)]
    halves = studentise_all(one.minus(other, halves=True), keys)
    one.draw._empty()
    one.draw.emptied += 1
    plain = one.minus(other)
    for key in keys:
        direct = studentise(plain, *key)
        assert halves[key].se == pytest.approx(direct.se, rel=1e-12)
        np.testing.assert_allclose(halves[key].t, direct.t, rtol=1e-8, atol=1e-10)


def test_moments_of_a_difference_are_those_of_its_column() -> None:
    rng = np.random.default_rng(1)
    weights, a, b, c = draw_weights(700, 60, 0), rng.random(700), rng.random(700), np.full(700, 2.0)
    draw = Draw(weights)
    places = [draw.place(a), draw.place(b), draw.place(c)]
    apart, flat = draw.place_difference(a - b, *places[:2]), draw.place_difference(a - c, places[0], places[2])
    assert draw.place_difference(a - b, *places[:2]) == apart == draw.place(a - b)
    draw.prepare([[apart, flat]])
    columns = {apart: a - b, flat: a - c, places[1]: b}
    for one, column in columns.items():
        np.testing.assert_allclose(draw.mean(one), weights @ column / 700, rtol=1e-12, atol=1e-14)
        for other, second in columns.items():
            np.testing.assert_allclose(draw.product(one, other), weights @ (column * second) / 700, rtol=1e-11)


@pytest.mark.parametrize("even", [True, False])
def test_contrasts_among_fewer_groups_are_those_of_the_whole_summary(even: bool) -> None:
    column = make_column(1, clusters=90, even=even)
    pair = subtract(column, "lora", "base", RATE, FEW)
    assert pair is not None
    names = ("a", "c", "d")
    few = _compare_again(pair, "r", names, RATE, FEW)
    table, scored = column.table("lora", "base")
    kept = table.keep("r", names)
    one, other = sample_models(column, ["lora", "base"], kept, scored, RATE, FEW, ("r", names))
    whole = summarise(one.minus(other), kept, FEW, exact=True, signed=True, pair=(one, other))
    joined = Pair(column, "lora", "base", whole).joined("r")
    assert list(few) == list(joined) == list(names)
    for name in names:
        assert few[name].value == pytest.approx(joined[name].value)
        assert (few[name].low, few[name].high) == pytest.approx((joined[name].low, joined[name].high), rel=1e-9)
        assert few[name].p_max == pytest.approx(joined[name].p_max)


def assert_same(one: Any, other: Any) -> None:
    """Two results, whatever they are made of, agree to rounding."""
    if is_dataclass(one):
        for each in fields(one):
            assert_same(getattr(one, each.name), getattr(other, each.name))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key, each in one.items():
            assert_same(each, other[key])
    else:
        assert one == (pytest.approx(other, rel=1e-9, abs=1e-11) if isinstance(other, float) else other)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("lacking", [False, True])
def test_what_was_prepared_for_several_models_changes_nothing(even: bool, lacking: bool) -> None:
    alone, together = make_column(2, even=even), make_column(2, even=even)
    for column in (alone, together) if lacking else ():
        column.values["full"][:40] = np.nan  # type: ignore[index]
        column.groups["other"] = np.arange(len(column.cluster))[:, None] % 2 == np.arange(2)  # type: ignore[index]
        column.names["other"] = ("x", "y")  # type: ignore[index]
    references = {"lora": ["base", "full"], "base": [], "full": ["base"]}
    prepare_models(together, ["base", "full", "lora"], references, RATE, FEW)
    prepared = [key for key in together.cache if key[1] == "apart"]
    assert len(prepared) == (3 if even else 0)
    for label, names in references.items():
        assert_same(*(measure(column, label, RATE, FEW) for column in (together, alone)))
        for name in names:
            found, plain = (subtract(column, label, name, RATE, FEW) for column in (together, alone))
            assert found is not None
            assert plain is not None
            assert_same(found.summary, plain.summary)


@pytest.mark.parametrize("copied", [0, 130])
def test_further_resamples_are_the_same_from_influences_that_are_known(copied: int) -> None:
    columns = make_column(4), make_column(4)
    for column in columns:  # where most answers are the base's, clusters are alike in the difference, not in the models
        if copied:
            column.values["lora"][:] = column.values["base"]
            column.values["lora"][4 * copied + 1 :: 4] = 1.0  # of group b
    prepare_models(columns[0], ["lora"], {"lora": ["base"]}, RATE, FEW)
    more = replace(FEW, most=3000)
    pairs = [subtract(column, "lora", "base", RATE, FEW) for column in columns]
    assert [(None, "linear", "lora", "base") in column.cache for column in columns] == [True, False]
    table, _ = columns[0].table("lora", "base")
    assert Resampled(table, []).alone is (copied == 0)
    found, plain = (sharpen([pair], RATE, more)[0] for pair in pairs if pair is not None)
    assert "p from " in found.summary.overall.method + found.summary.contrasts["r"]["b"].method
    assert_same(found.summary, plain.summary)


def test_a_margin_that_resamples_reach_exactly_counts_them_whatever_the_rounding() -> None:
    t = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    for noise in (-1e-12, 0.0, 1e-12):
        made = judge_margin(Estimate(0.1), Studentised(0.1 + noise, 0.1, t, True, np.empty(0)), 0.2)
        assert (made.p_above, made.p_below) == (pytest.approx(3 / 6), pytest.approx(1 / 6))


def test_a_further_group_is_asked_about_with_as_many_resamples_as_its_p_value_needs() -> None:
    column = make_column(6)
    base, lora = column.values["base"], column.values["lora"]
    lora[column.groups["r"][:, 2]] = 1.0  # two groups changed, b and c
    pair = subtract(column, "lora", "base", RATE, FEW)
    assert base is not lora
    assert pair is not None
    few = _compare_again(pair, "r", ("a", "b", "d"), RATE, FEW)
    more = _compare_again(pair, "r", ("a", "b", "d"), RATE, replace(FEW, most=6000))
    assert few["b"].p_max == pytest.approx(1 / 301)
    assert more["b"].p_max == pytest.approx(1 / 6001)
    assert (more["b"].low, more["b"].high) == (few["b"].low, few["b"].high)
    assert "p from 6000" in more["b"].method


def test_resamples_that_were_forgotten_and_made_anew_change_nothing() -> None:
    alone, column = make_column(5), make_column(5)
    first = subtract(column, "full", "base", RATE, FEW)
    for clusters in range(40, 46):  # more than are kept
        take_draw(clusters, FEW.resamples, FEW.seed)
    later, plain = (subtract(each, "lora", "base", RATE, FEW) for each in (column, alone))
    assert first is not None
    assert later is not None
    assert plain is not None
    for scale in ("contrasts", "log_odds"):
        for name, one in getattr(plain.summary, scale)["r"].items():
            other = getattr(later.summary, scale)["r"][name]
            assert (one.low, one.high, one.p_max) == pytest.approx((other.low, other.high, other.p_max), rel=1e-9)


def test_bounds_of_equal_numbers_are_kept_and_of_others_not() -> None:
    column = make_column(3)
    table = Table(column.values["lora"], column.cluster, column.groups, column.names)
    first = bound_levels([table.y], table, "r", FEW)
    assert first is bound_levels([table.y.copy()], table, "r", FEW)
    wider = bound_levels([table.y], table, "r", Settings(resamples=300, seed=3, alpha=0.01))
    other = bound_levels([1 - table.y], table, "r", FEW)
    assert first is not None
    assert wider is not None
    assert other is not None
    assert all(b[0] <= a[0] and a[1] <= b[1] for a, b in zip(first[0], wider[0], strict=True))
    np.testing.assert_allclose(np.array(other[0])[:, 0], 1 - np.array(first[0])[:, 1], atol=1e-9)


@pytest.mark.parametrize("even", [True, False])
def test_bounds_of_a_difference_are_those_of_its_values(even: bool) -> None:
    column = make_column(4, even=even)
    one, other = (column.values[name] for name in ("lora", "base"))
    table = Table(one, column.cluster, column.groups, column.names)
    apart = bound_levels([one, other], table, "r", FEW, apart=True)
    given = bound_levels([one, other, one - other], table, "r", FEW)
    np.testing.assert_allclose(np.array(apart), np.array(given), atol=1e-9)
