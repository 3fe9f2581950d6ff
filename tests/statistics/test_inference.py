"""Corrections, margins, McNemar, log-odds and between-group variance held to statsmodels, scipy and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from lorafair.plugins.metrics.rate import rate
from statsmodels.stats.contingency_tables import StratifiedTable, mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from lorafair.errors import LorafairError
from lorafair.statistics.between import estimate_between
from lorafair.statistics.compare import claim, measure, subtract
from lorafair.statistics.confirmation import assess_change, compare_changes, confirm, confirm_groups, join_scales
from lorafair.statistics.correction import adjust, adjust_bh
from lorafair.statistics.exact import bound_proportion
from lorafair.statistics.interval import Estimate, estimate_one, studentise
from lorafair.statistics.log_odds import compare_log_odds
from lorafair.statistics.margin import invert_bounds, judge_margin, read_margin
from lorafair.statistics.mcnemar import compare_answers
from lorafair.statistics.resample import sample
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import Truth, centre_logit, draw_audit
from lorafair.statistics.table import Table
from lorafair.statistics.verdict import add_margin


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=40))
def test_benjamini_hochberg_equals_statsmodels(p: list[float]) -> None:
    found = adjust_bh(dict(enumerate(p)))
    wanted = multipletests(p, method="fdr_bh")[1]
    assert [found[i][0] for i in range(len(p))] == pytest.approx(list(wanted), rel=1e-12)
    assert all(1 <= multiplier <= len(p) for _, multiplier in found.values())


def test_an_unknown_correction_is_told() -> None:
    with pytest.raises(LorafairError, match="Did you mean 'holm'"):
        adjust({1: 0.5}, "hollm")


def test_two_one_sided_tests_equal_statsmodels() -> None:
    y = np.random.default_rng(0).normal(0.1, 1, 400)
    found = studentise(sample(rate, Table(y, np.arange(400)), resamples=20000, seed=0), "overall")
    for margin in (0.15, 0.2, 0.3):
        one = judge_margin(estimate_one(found, clusters=400), found, margin)
        p, lower, upper = DescrStatsW(y).ttost_mean(-margin, margin)
        assert (one.p_below, one.p_above) == pytest.approx((lower[1], upper[1]), abs=0.006)
        assert read_margin(one, False) == (one.p_above, max(one.p_above, one.p_below))
        assert read_margin(one, True)[0] == one.p_below
        assert read_margin(one, False)[1] == pytest.approx(p, abs=0.006)
    assert read_margin(one, None) == (None, None)


def test_margins_of_bounds_are_their_inverse() -> None:
    """No hit in 60: the one-sided p of a rate of at least delta is (1 - delta)^60, Clopper and Pearson's definition."""
    one = invert_bounds(Estimate(0.0), lambda alpha: bound_proportion(0, 60, alpha), 0.05)
    assert one.p_above == pytest.approx(0.95**60, rel=1e-6)
    assert one.p_below == pytest.approx(0.0, abs=1e-9)
    assert invert_bounds(Estimate(0.5), lambda alpha: bound_proportion(30, 60, alpha), 0.05).p_above == 1.0


@pytest.mark.parametrize(
    ("word", "within", "after"),
    [
        ("undecided", (0.01, 0.02), "equivalent"),
        ("undecided", (0.01, 0.2), "not worse"),
        ("undecided", (0.1, 0.2), "undecided"),
        ("undecided", None, "undecided"),
        ("worse", (0.01, 0.02), "worse"),
        ("no claim", (0.01, 0.02), "no claim"),
    ],
)
def test_words_with_a_margin(word: str, within: tuple[float, float] | None, after: str) -> None:
    assert add_margin(word, within, 0.05) == after


def test_exact_mcnemar_equals_statsmodels_and_only_where_it_applies() -> None:
    rng = np.random.default_rng(3)
    one, other = (rng.random(80) < 0.6).astype(float), (rng.random(80) < 0.4).astype(float)
    table = Table(one - other, np.arange(80))
    found = compare_answers(table, one, other)
    counts = [[np.sum((one == a) & (other == b)) for b in (1, 0)] for a in (1, 0)]
    assert found.p == pytest.approx(mcnemar(counts, exact=True).pvalue)
    assert found.gained - found.lost == one.sum() - other.sum()
    assert compare_answers(table, one, one).p == 1.0
    assert compare_answers(Table(one - other, np.arange(80) // 2), one, other) is None
    assert compare_answers(table, one * 0.5, other) is None


def test_mcnemar_decides_greedy_answers_of_independent_documents() -> None:
    truth = Truth(120, (120,), {"base": [0.4], "model": [0.6]}, cluster_sd=0)
    pair = subtract(draw_audit(truth, 0), "model", "base", rate, Settings(resamples=400))
    column = pair.column
    wanted = compare_answers(column.table("model")[0], column.values["model"], column.values["base"])
    assert pair.summary.overall.p == wanted.p
    assert "exact McNemar" in pair.summary.overall.method


def test_log_odds_ratio_equals_its_closed_form() -> None:
    """Independent documents: the delta method's error is Woolf's, sqrt(1/a + 1/b + 1/c + 1/d), up to the correction."""
    rng = np.random.default_rng(1)
    member = np.arange(4000) < 1000
    y = (rng.random(4000) < np.where(member, 0.3, 0.2)).astype(float)
    groups = np.column_stack([member, ~member])
    table = Table(y, np.arange(4000), {"r": groups}, {"r": ("a", "b")})
    sampled = sample(rate, table, resamples=300, seed=0)
    found = compare_log_odds((sampled,), "r", {"a": (1000, 3000)})["a"]
    cells = [np.sum(y[m] == v) for m in (member, ~member) for v in (1, 0)]
    wanted = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    assert found.value == pytest.approx(wanted, abs=0.003)
    assert found.se == pytest.approx(np.sqrt(np.sum(1 / np.array(cells))), rel=0.005)
    assert np.std(found.t) == pytest.approx(1, abs=0.12)
    assert compare_log_odds((sampled, sampled), "r", {"a": (1000, 3000)})["a"].value == 0


def test_both_scales_have_to_agree() -> None:
    rise = Estimate(0.1, 0.02, 0.05, 0.15, p=0.001, p_max=0.01)
    odds = Estimate(0.5, 0.2, 0.1, 0.9, p=0.03, p_max=0.3)
    assert join_scales(rise, odds).p_max == 0.015
    assert join_scales(rise, replace(odds, p=0.004)).p_max == 0.01
    assert join_scales(rise, replace(odds, value=-0.5)).p_max == 1.0
    assert join_scales(rise, Estimate(0.5)) == rise
    assert confirm(rise, odds) == 0.015
    assert confirm(rise, replace(odds, value=-0.5)) == 1.0
    assert confirm(rise, None) == 0.0


def test_a_change_is_held_against_mantel_and_haenszel_s_common_one() -> None:
    """Its value is statsmodels' pooled odds ratio, its error Woolf's of the group's two rates where the rest is large."""
    rng = np.random.default_rng(2)
    sizes, base = {"a": 1000, "b": 40_000, "c": 60_000}, {"a": 0.3, "b": 0.2, "c": 0.5}
    group = np.repeat(list(sizes), list(sizes.values()))
    member = group[:, None] == np.array(list(sizes))
    y = [np.zeros(len(group)), np.zeros(len(group))]
    for k, name in enumerate(sizes):
        for values, share in zip(y, (base[name] / (2 - base[name]), base[name]), strict=True):
            values[member[:, k]] = rng.random(sizes[name]) < share
    code = rng.permutation(np.arange(len(group)) % 500)
    tables = [Table(values, code, {"r": member}, {"r": tuple(sizes)}) for values in y]
    pair = (sample(rate, tables[0], resamples=2, seed=0), sample(rate, tables[1], resamples=2, seed=0))
    found = compare_changes(pair, "r", ["a"], sizes)["a"]
    cells = [[[np.sum(v[member[:, k]] == hit) for hit in (1, 0)] for v in y] for k in range(3)]
    common = StratifiedTable([np.array(each, dtype=float) for each in cells[1:]]).logodds_pooled
    (hits, misses), (hits_base, misses_base) = cells[0]
    own = np.log(hits / misses) - np.log(hits_base / misses_base)
    assert found.value == pytest.approx(own - common, abs=0.003)
    assert abs(own - common) < 0.3  # all odds were halved
    assert found.se == pytest.approx(np.sqrt(np.sum(1 / np.array(cells[0]))), rel=0.12)
    one = assess_change(found, 500)
    assert one.p == pytest.approx(2 * scipy.stats.t.sf(abs(found.value) / found.se, 499), rel=0.02)


def test_a_group_without_a_hit_is_not_certain_to_have_stayed_behind() -> None:
    member = np.arange(400)[:, None] // 200 == np.arange(2)
    before = np.concatenate([np.zeros(200), np.arange(200) % 2]).astype(float)
    after = np.concatenate([np.zeros(200), np.arange(200) % 4 == 0]).astype(float)
    tables = [Table(y, np.arange(400), {"r": member}, {"r": ("a", "b")}) for y in (after, before)]
    pair = (sample(rate, tables[0], resamples=2, seed=0), sample(rate, tables[1], resamples=2, seed=0))
    found = compare_changes(pair, "r", ["a"], {"a": 200, "b": 200})["a"]
    assert found.value == pytest.approx(np.log(3), abs=0.02)
    assert found.se < 0.3
    assert np.sqrt(found.unseen) == pytest.approx(2.0, abs=0.01)  # Gart's 1 / 0.5 in either model
    assert assess_change(found, 200).p > 0.5
    assert assess_change(replace(found, se=np.nan), 200).p is None


def test_confirmation_is_by_holm_over_groups_but_for_a_pair() -> None:
    rise, odds = Estimate(0.1, 0.02, 0.05, 0.15, p=0.001, p_max=0.01), Estimate(0.5, p=0.04)
    names = ("a", "b", "c", "d")
    found = confirm_groups(dict.fromkeys(names, rise), {**dict.fromkeys(names, odds), "a": Estimate(0.5, p=0.002)})
    assert found == pytest.approx({"a": 0.004, "b": 0.06, "c": 0.06, "d": 0.06})
    assert confirm_groups(dict.fromkeys("ab", rise), dict.fromkeys("ab", odds)) == {"a": 0.02, "b": 0.02}
    assert confirm_groups({"a": rise, "b": rise}, {}) == {"a": 0.0, "b": 0.0}


@pytest.mark.parametrize(("base", "size"), [([0.6, 0.5, 0.3, 0.05], 500), ([0.4, 0.4, 0.4, 0.02], 200)])
def test_odds_halved_for_many_groups_are_no_verdict_on_fairness(base: list[float], size: int) -> None:
    """Every risk difference is certain, or one group has hardly a hit: a word in at most 6%, plus the test's error."""
    truth = Truth(60, (size,) * 4, {"base": base, "model": [p / (2 - p) for p in base]}, cluster_sd=0, document_sd=0)
    named = 0
    for seed in range(60):
        pair = subtract(draw_audit(truth, seed), "model", "base", rate, Settings(resamples=400))
        named += bool(claim([pair], rate, Settings(resamples=400))[0].named["group"])
    assert named <= 8  # 0.06 + 2 sqrt(.06 .94 / 60)


def test_intervals_of_small_groups_hold_the_truth_as_often_as_they_say() -> None:
    """40 documents at a rate of 0.2: symmetric intervals held it in 98 to 99%."""
    truth = Truth(100, (40, 360), {"base": [0.2, 0.2]}, cluster_sd=0, document_sd=0)
    held, settings = [], Settings(resamples=300)
    for seed in range(300):
        one = measure(draw_audit(truth, seed), "base", rate, settings).levels["group"]["g0"]
        held.append(one.low <= 0.2 <= one.high)
        assert 0 <= one.low <= one.value <= one.high <= 1
    assert 0.92 <= np.mean(held) <= 0.98


def test_odds_halved_for_all_groups_are_no_verdict_on_fairness() -> None:
    """The risk differences shrink for certain (0.6 to 0.1 becomes 0.43 to 0.05), the log-odds stay as they were."""
    base = [0.6, 0.1]
    halved = [p / (2 - p) for p in base]
    truth = Truth(200, (600, 600), {"base": base, "model": halved}, cluster_sd=0, document_sd=0)
    named = shrunk = 0
    for seed in range(25):
        pair = subtract(draw_audit(truth, seed), "model", "base", rate, Settings(resamples=400))
        done = claim([pair], rate, Settings(resamples=400))[0]
        named += bool(done.named["group"])
        shrunk += pair.summary.contrasts["group"]["g0"].excludes_zero() == -1
    assert shrunk >= 23
    assert named <= 4


def test_between_group_variance_is_unbiased_where_max_minus_min_is_not() -> None:
    """Eight groups of 30: equal rates, then rates with a known variance."""
    for rates in ([0.3] * 8, list(np.linspace(0.1, 0.5, 8))):
        truth = Truth(30, (30,) * 8, {"base": rates}, cluster_sd=0.8, document_sd=0)
        found = [
            measure(draw_audit(truth, seed), "base", rate, Settings(resamples=100)).between["group"]
            for seed in range(60)
        ]
        values = np.array([one.value for one in found])
        assert abs(values.mean() - np.var(rates, ddof=1)) < 3 * values.std() / np.sqrt(len(values))
        held = np.mean([one.low <= np.var(rates, ddof=1) <= one.high for one in found])
        assert held >= 0.85
    assert estimate_between(sample(rate, Table(np.ones(4), np.arange(4)), resamples=9, seed=0), []).value is None


def test_between_group_variance_of_independent_groups_is_the_papers() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(5), 40)
    y = (rng.random(200) < 0.4).astype(float)
    member = group[:, None] == np.arange(5)
    table = Table(y, np.arange(200), {"r": member}, {"r": tuple("abcde")})
    found = estimate_between(sample(rate, table, resamples=50, seed=0), [f"group:r={n}" for n in "abcde"])
    means = np.array([y[group == k].mean() for k in range(5)])
    noise = np.mean(means * (1 - means) / 39)
    assert found.value == pytest.approx(means.var(ddof=1) - noise, abs=0.025 * noise)


def test_intervals_agree_with_scipy_where_both_apply() -> None:
    """Studentised against BCa of a mean of symmetric data: the same interval to a few percent of its width."""
    y = np.random.default_rng(9).normal(size=300)
    one = estimate_one(
        studentise(sample(rate, Table(y, np.arange(300)), resamples=9999, seed=1), "overall"), clusters=300
    )
    wanted = scipy.stats.bootstrap((y,), np.mean, n_resamples=9999, method="BCa", random_state=1).confidence_interval
    width = one.high - one.low
    assert abs(one.low - wanted.low) < 0.05 * width
    assert abs(one.high - wanted.high) < 0.05 * width


def test_simulated_rates_are_the_stated_ones() -> None:
    for p, sd in ((0.05, 1.0), (0.5, 0.3), (0.8, 2.0)):
        z = np.random.default_rng(0).normal(size=400_000)
        assert np.mean(1 / (1 + np.exp(-(centre_logit(p, sd) + sd * z)))) == pytest.approx(p, abs=0.002)
    truth = Truth(50, (4000, 1000), {"base": [0.2, 0.4]}, cluster_sd=0.2, completions=4)
    column = draw_audit(truth, 1)
    values = column.values["base"]
    assert set(np.unique(values * 4)) == {0, 1, 2, 3, 4}
    assert [values[m].mean() for m in column.groups["group"].T] == pytest.approx([0.2, 0.4], abs=0.04)
    assert np.array_equal(draw_audit(truth, 1).values["base"], values)


def test_primary_metrics_alone_are_the_family() -> None:
    truth = Truth(60, (60, 60), {"base": [0.2, 0.2], "model": [0.5, 0.5]})
    column = draw_audit(truth, 0)
    other = replace(column, metric="other", cache={})
    fast = Settings(resamples=400)
    pairs = [subtract(one, "model", "base", rate, fast) for one in (column, other)]
    done = claim(pairs, rate, fast, lambda one: one.metric == "rate")
    assert done[0].p_level == pytest.approx(pairs[0].summary.overall.p)
    assert done[1].p_level is None
    assert done[1].p_contrast == {}
    assert claim(pairs, rate, fast)[0].p_level == pytest.approx(2 * pairs[0].summary.overall.p)
    for correction in ("holm", "bh"):
        within = claim(pairs, rate, replace(fast, correction=correction))
        assert within[0].p_level <= 0.05
