"""Projected intervals: what they must hold for any levels, and how often they hold the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.registry import load_registry, load_target
from lorafair.statistics.descriptive import compare_described, describe
from lorafair.statistics.grouping import lowest, ratio, spread
from lorafair.statistics.level_bound import bound_levels
from lorafair.statistics.projection import project_change, project_lowest, project_ratio, project_spread
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Table

share = st.floats(0, 1)


@given(st.lists(st.tuples(share, share, share), min_size=2, max_size=6))
def test_levels_within_their_bounds_give_numbers_within_the_projection(drawn: list[tuple[float, ...]]) -> None:
    ordered = [sorted(each) for each in drawn]
    bounds, levels = [(each[0], each[2]) for each in ordered], np.array([[each[1] for each in ordered]])
    for project, function in ((project_spread, spread), (project_lowest, lowest), (project_ratio, ratio)):
        low, high = project(bounds)
        value = function(levels)[0]
        assert np.isnan(value) or low - 1e-12 <= value <= high + 1e-12
    points = [(each[1], each[1]) for each in ordered]
    assert project_spread(points) == pytest.approx((spread(levels)[0],) * 2, abs=1e-12)
    assert project_lowest(points) == (lowest(levels)[0],) * 2


TRUTH = {"worst_group_accuracy": 0.6, "accuracy_parity": 0.2, "demographic_parity_ratio": 0.25 / 0.5}


def people(seed: int, n: int = 360) -> Table:
    """Three groups of unequal size; accuracies .8, .7, .6 and selection rates .5, .4, .25 by construction."""
    rng = np.random.default_rng(seed)
    group = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    answer = (rng.random(n) < np.array([0.5, 0.4, 0.25])[group]).astype(int)
    right = rng.random(n) < np.array([0.8, 0.7, 0.6])[group]
    columns: dict[str, Any] = {"answer": answer, "classes": ("0", "1"), "positive": 1}
    names = ("a", "b", "c")
    return Table(
        np.where(right, answer, 1 - answer).astype(float),
        np.arange(n),
        {"race": np.eye(3, dtype=bool)[group]},
        {"race": names},
        **columns,
    )


@pytest.mark.parametrize("name", TRUTH)
def test_projected_intervals_hold_the_truth(name: str) -> None:
    metric = load_target(load_registry().get("metric", name))
    found = [describe(metric, people(seed), Settings(resamples=200))["race"] for seed in range(40)]
    held = sum(one.low <= TRUTH[name] <= one.high for one in found)
    assert held >= 37  # 95% or more is promised; 36 or fewer of 40 has 2% chance at exactly 95%
    assert all(one.low <= one.value <= one.high and one.p is None for one in found)
    assert np.mean([one.high - one.low for one in found]) < 0.75


def test_widths_are_one_multiple_of_cluster_robust_errors() -> None:
    table = people(5, n=900)
    table = replace(
        table, cluster=np.random.default_rng(0).integers(0, 70, 900), y=(table.y == table.answer).astype(float)
    )
    found = bound_levels([table.y], table, "race", Settings(resamples=400))
    assert found is not None
    (bounds,) = found
    widths = []
    for k, (low, high) in enumerate(bounds):
        rows = table.groups["race"][:, k]
        fit = sm.OLS(table.y[rows], np.ones(rows.sum())).fit(
            cov_type="cluster", cov_kwds={"groups": table.cluster[rows], "use_correction": False}
        )
        assert (low + high) / 2 == pytest.approx(fit.params[0], abs=1e-12)
        widths.append((high - low) / 2 / fit.bse[0])
    assert widths == pytest.approx([widths[0]] * 3, rel=1e-9)
    assert 2.2 < widths[0] < 3.0  # three groups together: more than 1.96


def test_a_group_too_small_for_resampling_widens_the_interval_and_nothing_is_made_up() -> None:
    metric = load_target(load_registry().get("metric", "equalized_odds_difference"))
    table = people(1)
    rows = ~table.groups["race"][:, 2]
    rows[np.flatnonzero(table.groups["race"][:, 2])[:5]] = True
    few = describe(metric, table.take(rows), Settings(resamples=200))["race"]
    many = describe(metric, table, Settings(resamples=200))["race"]
    assert few.high - few.low > many.high - many.low
    alone = table.take(table.groups["race"][:, 0])
    assert describe(metric, alone, Settings(resamples=200))["race"].value is None


@pytest.mark.parametrize("name", TRUTH)
def test_projected_differences_hold_the_truth(name: str) -> None:
    """Two models over the same people: the second is worse for group c by 0.2, and answers a and b alike."""
    metric, held = load_target(load_registry().get("metric", name)), []
    for seed in range(40):
        one = people(seed)
        rng = np.random.default_rng([seed, 1])
        group_c = one.groups["race"][:, 2]
        right = one.answer == one.y
        wrong = right & group_c & (rng.random(len(right)) < 1 / 3)
        other = replace(one, answer=np.where(wrong, 1 - one.answer, one.answer))
        difference, low, high = compare_described(metric, other, one, "race", Settings(resamples=200))
        plain = [float(metric(each, each.count[None, :])["gap"][0]) for each in (other, one)]
        assert difference == pytest.approx(plain[0] - plain[1])
        assert low <= difference <= high
        held.append(low <= {"worst_group_accuracy": -0.2, "accuracy_parity": 0.2}.get(name, difference) <= high)
    assert np.mean(held) >= 0.9
    same = compare_described(metric, one, one, "race", Settings(resamples=200))
    assert same[0] == 0
    if name != "demographic_parity_ratio":
        assert same[1:] == pytest.approx((0, 0), abs=0.3)  # the groups' own differences are bounded, and are none


@settings(deadline=None)
@given(st.lists(st.tuples(share, share, share, share), min_size=2, max_size=6))
def test_levels_of_two_models_within_their_bounds_differ_within_the_projection(drawn: list[tuple[float, ...]]) -> None:
    one = [sorted(each[:2]) for each in drawn]
    other = [sorted(each[2:]) for each in drawn]
    a, b = (np.array([[np.mean(each) for each in model]]) for model in (one, other))
    apart = [(d - 0.01, d + 0.01) for d in (a - b)[0]]
    for project, function in ((project_spread, spread), (project_lowest, lowest), (project_ratio, ratio)):
        difference = function(a)[0] - function(b)[0]
        low, high = project_change(project, [one], [other], [apart])
        assert np.isnan(difference) or low - 1e-9 <= difference <= high + 1e-9
