"""Claims about a method: seeds crossed with documents, held to the two-way analysis of variance and to simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from lorafair.plugins.metrics.rate import rate
from statsmodels.formula.api import ols

from lorafair.statistics.compare import Column, claim
from lorafair.statistics.crossed import cross, estimate_crossed
from lorafair.statistics.method import measure_method
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import centre_logit
from lorafair.statistics.studentised import Studentised
from lorafair.statistics.verdict import certain_sign

FAST = Settings(resamples=200)


def _each(values: np.ndarray) -> list[Studentised]:
    theta = values.mean(axis=1)
    return [Studentised(t, 0.0, np.empty(0), True, row - t) for t, row in zip(theta, values, strict=True)]


def test_mean_squares_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 1)) + rng.normal(size=(1, 25)) + rng.normal(size=(6, 25))
    data = {"y": values.ravel(), "s": np.repeat(np.arange(6), 25), "c": np.tile(np.arange(25), 6)}
    table = sm.stats.anova_lm(ols("y ~ C(s) + C(c)", pd.DataFrame(data)).fit())
    square = table["sum_sq"] / table["df"]
    found = cross(values.mean(axis=1), values - values.mean(axis=1, keepdims=True))
    total = square["C(s)"] + square["C(c)"] - square["Residual"]
    assert found.se == pytest.approx(np.sqrt(total / 150))
    assert found.df == pytest.approx(total**2 / np.sum(square**2 / table["df"]))
    assert found.seed_sd == pytest.approx(np.sqrt((square["C(s)"] - square["Residual"]) / 25))


def test_without_documents_it_is_the_t_test_on_seeds() -> None:
    theta = np.random.default_rng(1).normal(0.5, 1, 7)
    one = estimate_crossed(_each(np.repeat(theta[:, None], 40, axis=1)), margin=2.0)
    wanted = scipy.stats.ttest_1samp(theta, 0)
    interval = wanted.confidence_interval(0.95)
    assert (one.p, one.low, one.high) == pytest.approx((wanted.pvalue, interval.low, interval.high))
    assert one.df == 6
    assert one.minimum_detectable == pytest.approx((2.446912 + 0.905703) * one.se, rel=1e-5)
    assert one.p_above == pytest.approx(scipy.stats.ttest_1samp(theta, 2.0, alternative="less").pvalue)
    assert one.p_below == pytest.approx(scipy.stats.ttest_1samp(theta, -2.0, alternative="greater").pvalue)
    assert estimate_crossed(_each(np.ones((5, 9)))).low is None


@pytest.mark.parametrize(("a", "b", "e"), [(1, 0, 1), (0, 1, 1), (0.3, 1, 3), (0.05, 1, 0.2), (0, 0, 1)])
def test_coverage_with_five_seeds(a: float, b: float, e: float) -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(1500):
        parts = [rng.normal(0, s**0.5, shape) for s, shape in ((a, (5, 1)), (b, (1, 30)), (e, (5, 30)))]
        values = parts[0] + parts[1] + parts[2]
        found = cross(values.mean(axis=1), values - values.mean(axis=1, keepdims=True))
        held += abs(found.value) <= scipy.stats.t.ppf(0.975, found.df) * found.se
    assert 0.93 <= held / 1500 <= 0.985


def _audit(seed: int, *, shift: float = 0.0, group: float = 0.0, spread: float = 0.3, seeds: int = 5) -> Column:
    """A base and ``seeds`` checkpoints over 60 clusters x 4 groups; each seed has its own level and its own contrasts."""
    rng = np.random.default_rng(seed)
    cluster, k = np.repeat(np.arange(60), 4), np.tile(np.arange(4), 60)
    shared = rng.normal(0, 1, 60)[cluster]
    centre = centre_logit(0.3, 1.0)
    logits = {"base": centre + shared}
    for s in range(seeds):
        own = rng.normal(0, spread) + rng.normal(0, spread, 4)[k]
        logits[f"s{s}"] = centre + shared + own + shift + group * (k == 2)
    values = {name: (rng.random(240) < 1 / (1 + np.exp(-x))).astype(float) for name, x in logits.items()}
    names = {"r": tuple("abcd")}
    return Column("t", "y", values, cluster, {"r": k[:, None] == np.arange(4)}, names, False)


def _claim(column: Column):
    labels = [name for name in column.values if name != "base"]
    pair = measure_method(column, "lora", labels, ["base"], rate, FAST)
    return claim([pair], rate, FAST)[0]


def test_a_null_method_is_not_called_worse_or_better() -> None:
    """Training seeds that differ, around no change: the checkpoints do differ, the method does not."""
    level = fairness = 0
    runs = 120
    for seed in range(runs):
        done = _claim(_audit(seed))
        level += certain_sign(done.summary.overall, done.p_level, 0.05) != 0
        fairness += bool(done.named["r"])
    assert level / runs <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / runs)
    assert fairness / runs <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / runs)


def test_a_method_that_is_worse_for_one_group_is_named() -> None:
    found = [_claim(_audit(seed, group=2.5)) for seed in range(10)]
    assert sum(done.named["r"] == {"c": 1} for done in found) >= 8
    assert all("5 training seeds crossed with 60 clusters" in done.summary.overall.method for done in found)
    assert all("Bonferroni over 4 groups" in one.summary.contrasts["r"]["a"].method for one in found)


def test_method_estimates_are_means_over_seeds_on_common_documents() -> None:
    column = _audit(0, shift=1.0)
    column.values["s1"][:40] = np.nan
    labels = [f"s{s}" for s in range(5)]
    pair = measure_method(column, "lora", labels, ["base"], rate, FAST)
    rows = slice(40, None)
    means = [column.values[label][rows].mean() - column.values["base"][rows].mean() for label in labels]
    assert pair.summary.n == 200
    assert pair.summary.overall.value == pytest.approx(np.mean(means))
    other = measure_method(column, "lora", labels[:2], labels[2:4], rate, FAST)
    assert other.summary.overall.value == pytest.approx(
        np.mean(
            [column.values[a][rows].mean() - column.values[b][rows].mean() for a, b in (("s0", "s2"), ("s1", "s3"))]
        )
    )
    alone = measure_method(column, "lora", labels, None, rate, FAST)
    assert alone.summary.gaps["r"].value > 0
