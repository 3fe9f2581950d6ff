"""Power held to statsmodels, to closed forms, and to simulation: what it promises is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lorafair.plugins.metrics.rate import rate
from statsmodels.stats.power import TTestPower

from lorafair.statistics.compare import claim, subtract
from lorafair.statistics.power import (
    Effect,
    Question,
    compute_method_power,
    compute_power,
    find_clusters,
    find_completions,
    find_difference,
    find_seeds,
    state_effects,
)
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import Truth, draw_audit
from lorafair.statistics.verdict import certain_sign


@pytest.mark.parametrize("clusters", [10, 29, 200])
@pytest.mark.parametrize("tests", [1, 6])
def test_power_of_one_scale_equals_statsmodels(clusters: int, tests: int) -> None:
    question = Question(Effect(0.1, 0.09, 0.0), tests=tests)
    wanted = TTestPower().power(0.1 / 0.3, clusters, 0.05 / tests)
    assert compute_power(question, clusters) == pytest.approx(wanted, rel=1e-9)


def test_power_never_falls_with_more_clusters() -> None:
    question = Question(*state_effects(0.135, 0.3, documents=8, groups=8), tests=5, groups=8)
    powers = [compute_power(question, clusters) for clusters in range(10, 3000, 7)]
    assert powers == sorted(powers)
    assert powers[-1] == 1.0


def test_clusters_needed_equal_statsmodels() -> None:
    question = Question(Effect(0.05, 0.04, 0.06))
    for k in (1, 4):
        size = 0.05 / math.sqrt(0.04 + 0.06 / k)
        wanted = TTestPower().solve_power(size, power=0.9, alpha=0.05)
        assert find_clusters(question, 0.9, k) == math.ceil(wanted)
    assert find_clusters(Question(Effect(1e-9, 1.0, 0.0)), 0.9) is None
    assert find_clusters(Question(Effect(1.0, 1e-9, 0.0)), 0.9) == 10
    few = find_completions(question, 250, 0.9)
    assert compute_power(question, 250, few) >= 0.9 > compute_power(question, 250, few - 1)
    assert find_completions(question, 60, 0.9) is None


def test_stated_rates_have_their_closed_forms() -> None:
    level, none = state_effects(0.2, 0.1, documents=4)
    assert none is None
    assert level.variance() == pytest.approx((0.16 + 0.21) / 4)
    assert level.variance(5) == pytest.approx((0.16 + 0.21) / 20)
    assert state_effects(0.2, 0.1, documents=4, icc=1.0)[0].variance() == pytest.approx(0.37)
    assert state_effects(0.2, 0.0, documents=1, correlation=1.0)[0].variance() == pytest.approx(0, abs=1e-12)
    change, odds = state_effects(0.2, 0.1, documents=8, groups=4)
    assert change.variance() == pytest.approx((0.16 + 0.21) / 2 + 2 * 0.16 / 6)
    assert odds.size == pytest.approx(math.log(0.3 / 0.7) - math.log(0.2 / 0.8))
    assert odds.variance() == pytest.approx((1 / 0.16 + 1 / 0.21) / 2 + (2 / 0.16) / 6)


def test_a_method_with_no_spread_between_seeds_is_a_checkpoint_and_more_seeds_help() -> None:
    question = Question(Effect(0.05, 0.09, 0.0))
    assert compute_method_power(question, 200, 5, 0.0) == pytest.approx(compute_power(question, 200))
    powers = [compute_method_power(question, 400, seeds, 0.05) for seeds in (5, 10, 20)]
    assert powers == sorted(powers)
    assert compute_method_power(question, 10**9, 6, 0.05) == pytest.approx(TTestPower().power(1.0, 6, 0.05), rel=1e-4)
    seeds = find_seeds(question, 400, 0.05, 0.8)
    assert (
        compute_method_power(question, 400, seeds, 0.05) >= 0.8 > compute_method_power(question, 400, seeds - 1, 0.05)
    )


def test_the_smallest_difference_is_the_inverse_of_the_clusters() -> None:
    def ask(size: float) -> Question:
        return Question(*state_effects(0.2, size, documents=2, groups=2), groups=2)

    smallest = find_difference(ask, 300, 0.8, 1, 0.79)
    assert find_clusters(ask(smallest), 0.8) == pytest.approx(300, abs=1)
    assert math.isnan(find_difference(ask, 5, 0.99, 1, 0.1))


def test_planted_differences_of_the_promised_size_are_found() -> None:
    """Level and fairness, 50 runs each: at least the stated share less twice the simulation's error."""
    for groups, difference in ((1, 0.15), (4, 0.3)):
        stated = state_effects(0.2, difference, documents=4, groups=groups)
        clusters = find_clusters(Question(*stated, groups=groups), 0.8)
        after = [0.2 + difference, *[0.2 if groups > 1 else 0.2 + difference] * 3]
        truth = Truth(clusters, (clusters,) * 4, {"base": [0.2] * 4, "model": after}, cluster_sd=0, document_sd=0)
        found = []
        for seed in range(50):
            settings = Settings(resamples=400, seed=seed)
            done = claim([subtract(draw_audit(truth, seed), "model", "base", rate, settings)], rate, settings)[0]
            level = certain_sign(done.summary.overall, done.p_level, 0.05) == 1
            found.append(level if groups == 1 else done.named["group"].get("g0") == 1)
        assert np.mean(found) >= 0.8 - 2 * math.sqrt(0.8 * 0.2 / 50), (groups, clusters)
