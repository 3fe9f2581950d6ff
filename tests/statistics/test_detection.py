"""What is promised to be found is found by the verdict: on both scales, over groups, among groups that differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lorafair.plugins.metrics.rate import rate

from lorafair.leaderboard.pilot import Pilot, _confirm
from lorafair.statistics.compare import claim, subtract
from lorafair.statistics.detection import Scales, detect_changes, find_joint, find_sizes
from lorafair.statistics.interval import Estimate
from lorafair.statistics.power import Question, compute_power, find_difference, state_effects
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import Truth, draw_audit

APART = [0.1, 0.25, 0.45, 0.6]  # where the groups of the base stand
RUNS = 60
LEAST = 0.8 - 2 * math.sqrt(0.8 * 0.2 / RUNS)


def find_share(group: int, rise: float, clusters: int = 60, tests: int = 1) -> float:
    """The share of audits whose verdict names the group that was made worse by ``rise``."""
    after = [at + rise * (k == group) for k, at in enumerate(APART)]
    truth = Truth(clusters, (2 * clusters,) * 4, {"base": APART, "model": after})
    hits = []
    for seed in range(RUNS):
        settings = Settings(resamples=300, seed=seed)
        pair = subtract(draw_audit(truth, 1000 + seed), "model", "base", rate, settings)
        hits.append(claim([pair], rate, settings)[0].named["group"].get(f"g{group}") == 1)
    return float(np.mean(hits))


@pytest.mark.parametrize("group", [0, 2])
def test_the_minimum_detectable_change_of_a_row_is_found(group: int) -> None:
    truth = Truth(60, (120,) * 4, {"base": APART, "model": APART}, own_sd=0.0)
    pairs = [subtract(draw_audit(truth, seed), "model", "base", rate, Settings(resamples=300)) for seed in range(8)]
    sizes = [pair.summary.contrasts["group"][f"g{group}"].minimum_detectable for pair in pairs]
    plain = np.mean([2.8015852 * pair.summary.contrasts["group"][f"g{group}"].se for pair in pairs])
    size = float(np.mean(sizes))
    assert plain < size < 0.35
    assert find_share(group, size) >= LEAST


@pytest.mark.parametrize("group", [0, 2])
def test_what_a_pilot_promises_is_found(group: int) -> None:
    truth = Truth(60, (120,) * 4, {"base": APART, "model": APART})
    sizes = []
    for seed in range(8):
        column = draw_audit(truth, seed)
        settings = Settings(resamples=200)
        pair = subtract(column, "model", "base", rate, settings)
        odds = _confirm(column, ("model", "base"), ("group", f"g{group}"), settings)
        variance = pair.summary.contrasts["group"][f"g{group}"].se ** 2 * 60
        at = APART[group]
        pilot = Pilot(
            "model", "base", "t", "m", at, variance, odds.se**2 * 60, odds.unseen * 60**2, 1, None, 60, 480, 4
        )
        ask = lambda size, pilot=pilot: Question(*pilot.ask(size), groups=4)  # noqa: E731
        sizes.append(find_difference(ask, 60, 0.8, 1, (1 - at) * 0.999))
    assert find_share(group, float(np.mean(sizes))) >= LEAST


def test_stated_rates_count_half_hits_where_there_are_few() -> None:
    difference, odds = state_effects(0.05, 0.1, documents=2, groups=4)
    assert odds.unseen > 0
    seen = Question(difference, odds, groups=4)
    unseen = Question(difference, type(odds)(odds.size, odds.fixed, odds.answers), groups=4)
    assert 0 < compute_power(seen, 400) < compute_power(unseen, 400)
    assert compute_power(seen, 100_000) == pytest.approx(compute_power(unseen, 100_000))


def test_the_chance_of_both_scales_is_scipy_s() -> None:
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(0)
    one, other, together = rng.normal(0, 1.5, 40), rng.normal(0, 1.5, 40), rng.uniform(-0.5, 0.98, 40)
    wanted = [
        multivariate_normal(cov=[[1, r], [r, 1]]).cdf([a, b]) for a, b, r in zip(one, other, together, strict=True)
    ]
    np.testing.assert_allclose(find_joint(one, other, together), wanted, atol=2e-3)
    assert (find_joint(one, other, np.full(40, np.nan)) <= np.array(wanted) + 2e-3).all()


def test_the_size_is_where_both_scales_have_the_power() -> None:
    """One second of the rates in closed form: a scale that is certain leaves the other one's power."""
    one, free = np.ones(1), np.full(1, np.nan)
    rate, se, half = 0.3, 0.02, 0.04
    (size,) = find_sizes(rate * one, half * one, se * one, 2 * one, 1e-6 * one, free)
    moved = rate + size
    assert size == pytest.approx(half + 0.8416 * se * math.sqrt((1 + moved * (1 - moved) / 0.21) / 2), rel=0.01)
    (size,) = find_sizes(rate * one, 1e-6 * one, 1e-6 * one, 2 * one, 0.2 * one, free)
    moved = rate + size
    odds = (2 + 0.8416) * 0.2 * math.sqrt((1 + 0.21 / (moved * (1 - moved))) / 2)
    assert math.log(moved / (1 - moved)) - math.log(0.3 / 0.7) == pytest.approx(odds, rel=0.02)
    assert np.isnan(find_sizes(rate * one, 2 * one, se * one, 2 * one, 0.2 * one, free))


def test_what_has_no_second_scale_has_one_power_and_what_is_not_estimable_stays() -> None:
    alone = detect_changes({"a": Scales(Estimate(0.0, 0.01, -0.025, 0.025), None, 0.5, 50)}, 4)["a"]
    assert alone.minimum_detectable == pytest.approx(0.025 + 0.8416212 * 0.01)
    never = detect_changes({"a": Scales(Estimate(0.0, 0.01, -1.5, 1.5), Estimate(0.0, 0.2), 0.5, 50)}, 4)["a"]
    assert never.minimum_detectable is None
    nothing = Estimate(0.1)
    assert detect_changes({"a": Scales(nothing, Estimate(0.0, 0.3), 0.1, 50)}, 4)["a"] == nothing
