"""The two rules of the verification, on numbers made to hold or to break them."""

from __future__ import annotations

import numpy as np
import pytest

from lorafair.serving.judgement import judge_effect, judge_parity, root_mean_square

N = 16


def draw(seed, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, N)


def test_effect_is_held_against_ten_times_the_engine_s_own_noise():
    base, noise, change = draw(0), draw(1, 0.01), draw(2)
    for factor, holds in [(0.5, False), (2.0, True)]:
        size = factor * 10 * root_mean_square(noise, np.zeros(N)) / root_mean_square(change, np.zeros(N))
        found, effect, measured = judge_effect(base + size * change, base, base + noise)
        assert found is holds
        assert measured == pytest.approx(np.sqrt(np.mean(noise**2)))
        assert effect == pytest.approx(factor * 10 * measured)


def test_no_change_is_no_effect_even_without_noise():
    assert judge_effect(draw(0), draw(0), draw(0)) == (False, 0.0, 0.0)
    assert judge_effect([float("nan")] * N, draw(0), draw(0))[0] is False


def test_float32_parity_is_the_largest_deviation_over_the_prompts():
    exact = draw(0, 20)
    wrong = exact.copy()
    wrong[5] += 2e-3
    assert judge_parity(exact + 5e-4, exact, None, None)[0]
    holds, deviation, tolerance, _ = judge_parity(wrong, exact, None, None)
    assert not holds
    assert deviation == pytest.approx(2e-3)
    assert tolerance == 1e-3


@pytest.mark.parametrize(("cost", "effect"), [(0.01, 0.2), (0.25, 1.0), (0.3, 20.0)])
def test_rounding_noise_of_the_same_size_is_parity(cost, effect):
    """But for bad luck: of 3,000 draws at most one in a thousand is refused."""
    refused = 0
    for seed in range(3000):
        base, change = draw(seed, 20), draw(seed + 1, effect)
        exact = base + change
        rounding = root_mean_square(draw(seed + 2, cost), np.zeros(N))
        refused += not judge_parity(exact + draw(seed + 3, cost), exact, rounding, base)[0]
    assert refused <= 3


@pytest.mark.parametrize("share", [0.5, 1.0, -1.0])
@pytest.mark.parametrize("effect", [1.0, 5.0])
def test_a_missing_or_doubled_part_of_the_effect_is_found_under_rounding_noise(share, effect):
    missed = 0
    for seed in range(100):
        base, change = draw(seed, 20), draw(seed + 1000, effect)
        exact = base + change
        rounding = root_mean_square(draw(seed + 2000, 0.1), np.zeros(N))
        served = base + (1 - share) * change + draw(seed + 3000, 0.1)
        holds, _, _, missing = judge_parity(served, exact, rounding, base)
        missed += holds
        assert missing == pytest.approx(share, abs=0.2)
    assert missed == 0
