"""Permutation tests held to scipy's, and to their level on nulls."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from lorafair.plugins.metrics.rate import rate

from lorafair.errors import LorafairError
from lorafair.statistics.compare import Column, claim, measure, subtract
from lorafair.statistics.group_size import read_shares
from lorafair.statistics.permutation import permute_groups
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import Truth, draw_audit
from lorafair.statistics.table import Table


def test_groups_of_single_documents_equal_scipy_with_welchs_t() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.35, 1, 40), rng.normal(0, 2, 60)
    wanted = scipy.stats.permutation_test(
        (one, other), lambda a, b: abs(scipy.stats.ttest_ind(a, b, equal_var=False).statistic),
        n_resamples=2000, alternative="greater", vectorized=False, rng=1,
    )  # fmt: skip
    member = np.arange(100)[:, None] < 40
    table = Table(np.concatenate([one, other]), np.arange(100), {"r": np.hstack([member, ~member])}, {"r": ("a", "b")})
    found = permute_groups(table, "r", Settings(resamples=5000))
    assert found == pytest.approx(wanted.pvalue, abs=0.035)


def test_swapped_pairs_equal_scipys_sign_flips() -> None:
    truth = Truth(40, (80, 80), {"base": [0.3, 0.3], "model": [0.4, 0.4]})
    column = draw_audit(truth, 5)
    pair = subtract(column, "model", "base", rate, Settings(resamples=4000, permute=True))
    change = column.values["model"] - column.values["base"]
    sums = np.bincount(column.cluster, weights=change)
    wanted = scipy.stats.permutation_test(
        (sums, np.zeros_like(sums)), lambda a, b, axis: np.abs((a - b).mean(axis=axis)),
        permutation_type="samples", n_resamples=4000, alternative="greater", vectorized=True, rng=0,
    )  # fmt: skip
    assert pair.summary.overall.p == pytest.approx(wanted.pvalue, abs=0.025)
    assert "permutation of whole clusters" in pair.summary.contrasts["group"]["g0"].method


def test_clusters_with_several_groups_have_no_group_permutation() -> None:
    member = np.tile(np.eye(2, dtype=bool), (10, 1))
    table = Table(np.zeros(20), np.repeat(np.arange(10), 2), {"r": member}, {"r": ("a", "b")})
    assert permute_groups(table, "r", Settings()) is None


def test_levels_of_the_permutation_tests_and_a_planted_group() -> None:
    fast = Settings(resamples=200, permute=True)
    null = Truth(30, (60,) * 4, {"base": [0.2] * 4, "model": [0.2] * 4})
    pairs = [
        claim([subtract(draw_audit(null, seed), "model", "base", rate, fast)], rate, fast)[0] for seed in range(100)
    ]
    assert np.mean([pair.p_level <= 0.05 for pair in pairs]) <= 0.10
    assert np.mean([bool(pair.named["group"]) for pair in pairs]) <= 0.10
    planted = Truth(60, (120,) * 4, {"base": [0.2] * 4, "model": [0.7, 0.2, 0.2, 0.2]})
    found = claim([subtract(draw_audit(planted, 0), "model", "base", rate, fast)], rate, fast)[0]
    assert found.named["group"] == {"g0": 1}


def test_equal_rates_by_permutation_stand_in_the_omnibus_test() -> None:
    rng = np.random.default_rng(2)
    member = np.repeat(np.eye(3, dtype=bool), 30, axis=0)
    y = (rng.random(90) < np.repeat([0.2, 0.2, 0.7], 30)).astype(float)
    column = Column("t", "y", {"m": y}, np.arange(90), {"r": member}, {"r": ("a", "b", "c")}, False)
    settings = Settings(resamples=400, permute=True)
    found = measure(column, "m", rate, settings)
    assert found.omnibus("r", settings) == found.permuted["r"] == pytest.approx(1 / 401)


def test_levels_against_shares_of_the_training_data_have_least_squares_slope() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(4), 200)
    shares = {"a": 10.0, "b": 20.0, "c": 40.0, "d": 160.0, "elsewhere": 5.0}
    x = np.log2([10, 20, 40, 160])
    y = (rng.random(800) < (0.6 - 0.08 * (x - x[0]))[groups]).astype(float)
    member = groups[:, None] == np.arange(4)
    column = Column("t", "y", {"m": y}, np.arange(800), {"r": member}, {"r": tuple("abcd")}, False)
    found = measure(column, "m", rate, Settings(resamples=400, shares={"r": shares})).slopes["r"]
    wanted = scipy.stats.linregress(x, [y[groups == k].mean() for k in range(4)])
    assert found.value == pytest.approx(wanted.slope)
    factors = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    error = np.sqrt(np.sum(factors**2 * [y[groups == k].var() / 200 for k in range(4)]))
    assert found.se == pytest.approx(error, rel=0.01)
    assert found.low <= -0.08 <= found.high < 0
    few = measure(column, "m", rate, Settings(resamples=400, shares={"r": {"a": 1, "b": 2}}))
    assert few.slopes["r"].value is None


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 3}', '{"a": {"b": -1}}', '{"a": {"b": NaN}}', '{"a": {"b": "x"}}'])
def test_shares_that_cannot_be_read_are_told(text: str) -> None:
    with pytest.raises(LorafairError, match="counts or shares of the training data"):
        read_shares(text)
