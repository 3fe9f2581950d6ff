"""The share of a rank effect that under-training explains, on simulated runs whose share is known."""

import numpy as np
import pandas
import pytest
from statsmodels.formula.api import ols

from lorafair.statistics.undertraining import explain_rank_effect


def simulate(share, rng, ranks=5, rates=4, seeds=3, noise=0.02):
    """Runs whose distance grows with rank and with the learning rate, and whose gap goes by both.

    A rank's mean distance is 0.4 r; ``share`` of the gap's change over ranks goes through it, the rest is rank's own.
    """
    rank = np.repeat(np.arange(ranks), rates * seeds)
    rate = np.tile(np.repeat(np.arange(rates), seeds), ranks)
    distance = 0.4 * rank + 0.5 * rate + rng.normal(0, 0.1, len(rank))
    gap = -0.1 * (share * distance + (1 - share) * 0.4 * rank) + rng.normal(0, noise, len(rank))
    return gap, distance, rank


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("small", [False, True])
def test_the_share_is_recovered_and_its_interval_covers(share, small):
    rng = np.random.default_rng(7)
    size = {"ranks": 3, "rates": 3, "seeds": 1, "noise": 0.01} if small else {}
    found = [explain_rank_effect(*simulate(share, rng, **size), resamples=400, seed=k) for k in range(150)]
    held = [one for one in found if one.share is not None]
    assert len(held) > 140
    assert np.mean([one.share for one in held]) == pytest.approx(share, abs=0.03)
    assert np.mean([one.low <= share <= one.high for one in held]) > 0.88  # 95% nominal, 150 draws
    if not small:
        assert np.mean([one.monotone for one in held]) == pytest.approx(share, abs=0.05)


def test_slope_and_tests_are_those_of_a_covariance_analysis():
    gap, distance, rank = simulate(0.5, np.random.default_rng(1))
    frame = pandas.DataFrame({"gap": gap, "distance": distance, "rank": rank})
    whole, flat, alone = (ols(f"gap ~ {terms}", frame).fit() for terms in ("C(rank) + distance", "C(rank)", "distance"))
    found = explain_rank_effect(gap, distance, rank)
    assert found.slope == pytest.approx(whole.params["distance"], rel=1e-9)
    assert found.p_slope == pytest.approx(whole.compare_f_test(flat)[1], rel=1e-6)
    assert found.p_after == pytest.approx(whole.compare_f_test(alone)[1], rel=1e-6)


def test_a_rank_effect_of_its_own_is_not_taken_for_undertraining_where_distance_goes_with_rank():
    """The pooled regression would explain everything: distance and gap both grow with rank, for different reasons."""
    rng = np.random.default_rng(3)
    gap, distance, rank = simulate(0.0, rng, noise=0.005)
    pooled = np.polyfit(distance, gap, 1)[0]
    assert pooled < -0.03
    assert explain_rank_effect(gap, distance, rank).high < 0.2


def test_order_units_and_runs_that_are_not_numbers_do_not_matter():
    gap, distance, rank = simulate(0.5, np.random.default_rng(5))
    one = explain_rank_effect(gap, distance, rank)
    order = np.random.default_rng(0).permutation(len(gap))
    other = explain_rank_effect(-3 * gap[order] + 7, 10 * distance[order] - 2, 8 * rank[order])
    assert other.share == pytest.approx(one.share)
    more = explain_rank_effect(np.r_[gap, np.nan], np.r_[distance, 1.0], np.r_[rank, 0])
    assert (more.share, more.runs) == (one.share, one.runs)


@pytest.mark.parametrize(
    ("gap", "distance", "rank", "reason"),
    [
        ([1, 2], [1, 2], [1, 2], "at least 5 are needed"),
        ([1, 2, 3, 4], [1, 2, 3, 4], [2, 2, 2, 2], "fewer than two ranks"),
        ([1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2], "nothing but rank moves the distance"),
        ([0, 1, 0, 1, 0, 1, 0, 1.01], [1, 2, 3, 4, 1, 2, 3, 4], [1, 1, 1, 1, 2, 2, 2, 2], "no effect to explain"),
        ([], [], [], "fewer than two ranks"),
        ([0.5] * 8, [1, 2, 3, 4, 1, 2, 3, 4.5], [1, 1, 1, 1, 2, 2, 2, 2], "no effect to explain"),
    ],
)
def test_no_share_without_an_effect_or_a_design_and_why(gap, distance, rank, reason):
    found = explain_rank_effect(np.array(gap, float), np.array(distance, float), np.array(rank))
    assert found.share is None
    assert reason in found.reason
    assert all(value is None or np.isfinite(value) for value in (found.p_before, found.p_after, found.monotone))
