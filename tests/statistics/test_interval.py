"""Standard errors, bootstrap-t, exact bounds and corrections held to closed forms, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api
from lorafair.plugins.metrics.rate import rate
from statsmodels.stats.multitest import multipletests

from lorafair.statistics.correction import adjust_holm, scale_resamples
from lorafair.statistics.exact import bound_level, bound_proportion, flip_signs
from lorafair.statistics.interval import estimate_family, estimate_one, studentise
from lorafair.statistics.resample import draw_weights, sample
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import summarise
from lorafair.statistics.table import Table


def test_cluster_standard_error_equals_statsmodels() -> None:
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(40), 5)
    y = rng.normal(size=200) + rng.normal(size=40)[cluster]
    found = studentise(sample(rate, Table(y, cluster), resamples=10, seed=0), "overall")
    fit = statsmodels.api.OLS(y, np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    assert found.se == pytest.approx(fit.bse[0] * np.sqrt(40 / 39), rel=1e-10)


def test_studentised_resamples_equal_their_closed_form() -> None:
    y = np.random.default_rng(1).normal(size=25)
    sampled = sample(rate, Table(y, np.arange(25)), resamples=400, seed=3)
    found = studentise(sampled, "overall")
    for row, weights in enumerate(draw_weights(25, 400, 3)):
        again = np.repeat(y, weights.astype(int))
        assert found.t[row] == pytest.approx((again.mean() - y.mean()) / scipy.stats.sem(again), rel=1e-9)
    one = estimate_one(found, clusters=25)
    q = np.sort(np.abs(found.t))[int(np.ceil(0.95 * 401)) - 1]
    assert (one.low, one.high) == pytest.approx((y.mean() - q * scipy.stats.sem(y), y.mean() + q * scipy.stats.sem(y)))
    assert one.p == pytest.approx((1 + np.sum(np.abs(found.t) >= abs(y.mean()) / scipy.stats.sem(y))) / 401)
    assert "25 clusters (few clusters), B=400" in one.method
    assert one.minimum_detectable == pytest.approx(2.8015852 * one.se, rel=1e-6)


def test_max_t_is_at_least_as_wide_and_at_most_bonferroni() -> None:
    rng = np.random.default_rng(2)
    member = np.tile(np.eye(4, dtype=bool), (60, 1))
    table = Table(rng.random(240), np.repeat(np.arange(60), 4), {"r": member}, {"r": tuple("abcd")})
    sampled = sample(rate, table, resamples=2000, seed=0)
    family = {name: studentise(sampled, f"group:r={name}", f"rest:r={name}") for name in "abcd"}
    together = estimate_family(family, clusters=60)
    for name, one in together.items():
        alone = estimate_one(family[name], clusters=60)
        assert one.low < alone.low < alone.high < one.high
        assert one.p <= one.p_max <= min(1.0, 4 * one.p + 0.01)


@pytest.mark.parametrize(("hits", "n"), [(0, 12), (1, 12), (7, 52), (52, 52)])
def test_proportion_bound_is_clopper_pearson(hits: int, n: int) -> None:
    wanted = scipy.stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert bound_proportion(hits, n) == pytest.approx((wanted.low, wanted.high))


def test_no_hit_and_no_discordance_still_have_width() -> None:
    table = Table(np.zeros(100), np.repeat(np.arange(20), 5))
    settings = Settings(resamples=200)
    level = summarise(sample(rate, table, resamples=200, seed=0), table, settings, exact=True).overall
    assert (level.value, level.low) == (0.0, 0.0)
    assert level.high == pytest.approx(scipy.stats.beta.ppf(0.975, 1, 20))
    assert "Clopper-Pearson" in level.method
    assert "20 clusters" in level.method
    zero = sample(rate, table, resamples=200, seed=0)
    change = summarise(zero.minus(zero), table, settings, exact=True, signed=True).overall
    assert change.low == -change.high < 0
    assert change.high == pytest.approx(scipy.stats.beta.ppf(0.9875, 1, 20))
    assert change.p == 1.0


def test_every_cluster_changed_is_certain() -> None:
    table = Table(np.ones(30), np.arange(30))
    low, high = bound_level(table, np.ones(30, dtype=bool), signed=True)
    assert 0.6 < low < high <= 1.0
    assert flip_signs(np.ones(30) / 30, 0, 2000) == pytest.approx(1 / 2001)


def test_one_cluster_has_no_interval() -> None:
    table = Table(np.array([0.0, 1.0, 1.0]), np.zeros(3, dtype=int))
    found = summarise(sample(rate, table, resamples=20, seed=0), table, Settings(resamples=20), exact=True)
    assert found.overall.value == pytest.approx(2 / 3)
    assert found.overall.low is None
    assert found.overall.p is None


def test_unbounded_values_get_no_exact_bound() -> None:
    table = Table(np.full(10, 7.0), np.arange(10))
    found = summarise(sample(rate, table, resamples=20, seed=0), table, Settings(resamples=20), exact=False).overall
    assert (found.value, found.low, found.high) == (7.0, None, None)


def test_same_rows_for_every_model_and_seed() -> None:
    assert draw_weights(30, 50, 7) is draw_weights(30, 50, 7)
    assert (draw_weights(30, 50, 7).sum(axis=1) == 30).all()
    assert not np.array_equal(draw_weights(30, 50, 7), draw_weights(30, 50, 8))


def test_holm_equals_statsmodels() -> None:
    rng = np.random.default_rng(5)
    for size in (1, 2, 7, 40):
        p = rng.random(size) ** 3
        mine = adjust_holm(dict(enumerate(p)))
        wanted = multipletests(p, method="holm")[1]
        assert [mine[i][0] for i in range(size)] == pytest.approx(list(wanted))


def test_resamples_grow_with_the_family() -> None:
    assert scale_resamples(3) == 2000
    assert scale_resamples(200) == 8000
    assert 200 / (scale_resamples(200) + 1) < 0.05  # the smallest p survives Holm
    assert scale_resamples(200, 500) == 500


def test_standard_error_in_a_resample_is_that_of_the_resample() -> None:
    """Against the jackknife made afresh on each resampled set of clusters, for a small group's level and contrast."""
    rng = np.random.default_rng(8)
    cluster = np.repeat(np.arange(80), 3)
    small = (cluster < 16)[:, None] & (np.arange(240) % 3 == 0)[:, None]
    table = Table(
        rng.random(240) + rng.random(80)[cluster], cluster, {"r": np.hstack([small, ~small])}, {"r": ("a", "b")}
    )
    sampled = sample(rate, table, resamples=60, seed=2)
    for key, rest in (("group:r=a", None), ("group:r=a", "rest:r=a"), ("overall", None)):
        found = studentise(sampled, key, rest)
        fresh, moved = [], []
        for weights in sampled.weights:
            rows = [np.flatnonzero(cluster == c) for c in np.repeat(np.arange(80), weights.astype(int))]
            index = np.concatenate(rows)
            again = Table(
                table.y[index], np.repeat(np.arange(80), 3), {"r": table.groups["r"][index]}, {"r": ("a", "b")}
            )
            one = studentise(sample(rate, again, resamples=1, seed=0), key, rest)
            fresh.append(one.se)
            moved.append(one.value - found.value)
        used = np.array(moved) / found.t
        assert np.mean(np.abs(used / np.array(fresh) - 1)) < 0.03
