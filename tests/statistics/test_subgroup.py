"""The audit of subgroups held to statsmodels, and to planted and absent gerrymandering."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from lorafair.statistics.subgroup import audit_subgroups
from lorafair.statistics.table import Table

RACES, GENDERS, AGES = ("r0", "r1", "r2"), ("f", "m"), ("old", "young")


def people(seed: int, *, n: int = 600, clusters: int = 60, rate=lambda race, gender, age: 0.5) -> Table:
    """Random people whose answers depend on the cluster a little, and on who they are as ``rate`` says."""
    rng = np.random.default_rng(seed)
    race, gender, age = rng.integers(0, 3, n), rng.integers(0, 2, n), rng.integers(0, 2, n)
    cluster = rng.integers(0, clusters, n)
    shift = rng.normal(0, 0.1, clusters)[cluster]
    p = np.array([rate(*each) for each in zip(race, gender, age, strict=True)]) + shift
    groups = {
        "race": np.eye(3, dtype=bool)[race],
        "gender": np.eye(2, dtype=bool)[gender],
        "age": np.eye(2, dtype=bool)[age],
    }
    cluster = np.unique(cluster, return_inverse=True)[1]
    return Table((rng.random(n) < p).astype(float), cluster, groups, {"race": RACES, "gender": GENDERS, "age": AGES})


def test_contrast_and_error_equal_cluster_robust_regression() -> None:
    table = people(1)
    for one in audit_subgroups(table, higher_is_better=True, resamples=200)[:6]:
        columns = [table.groups[a][:, table.names[a].index(name)] for a, name in one.groups]
        member = np.logical_and.reduce(columns)
        fit = sm.OLS(table.y, sm.add_constant(member.astype(float))).fit(
            cov_type="cluster", cov_kwds={"groups": table.cluster, "use_correction": False}
        )
        assert one.contrast == pytest.approx(fit.params[1], abs=1e-12)
        assert one.level == pytest.approx(table.y[member].mean(), abs=1e-12)
        half = (one.high - one.low) / 2
        robust = fit.bse[1] * np.sqrt(table.clusters / (table.clusters - 1))
        quantiles = half / robust
        assert quantiles == pytest.approx(QUANTILE.setdefault("q", quantiles), rel=1e-9)  # one q for all
    assert 2.4 < QUANTILE["q"] < 3.6  # more than 1.96: 23 correlated questions


QUANTILE: dict[str, float] = {}


def test_a_crossing_that_no_group_shows_is_found_and_named() -> None:
    """Worse for r0 women and r1 men, better for the others of both: every race and gender by itself is as the rest."""
    worse = {(0, 0), (1, 1)}
    table = people(3, n=1500, clusters=150, rate=lambda r, g, a: 0.5 if r == 2 else 0.25 if (r, g) in worse else 0.75)
    found = audit_subgroups(table, higher_is_better=True)
    assert {one.name for one in found[:2]} == {"race=r0, gender=f", "race=r1, gender=m"}
    assert all(one.high < 0 and one.p < 0.01 for one in found[:2])
    single = [one for one in found if len(one.groups) == 1]
    assert all(one.low < 0 < one.high for one in single)
    assert audit_subgroups(table, higher_is_better=False)[0].contrast > 0


def test_without_any_difference_the_worst_of_many_is_no_surprise() -> None:
    false = sum(
        any(
            one.p is not None and one.p <= 0.05
            for one in audit_subgroups(people(seed, n=400), higher_is_better=True, resamples=300)
        )
        for seed in range(200)
    )
    assert false / 200 <= 0.09  # 5% and two standard errors and a half of 200 audits


def test_small_and_empty_combinations_are_left_out() -> None:
    table = people(2)
    found = audit_subgroups(table, higher_is_better=True, min_n=120, resamples=200)
    assert {len(one.groups) for one in found} == {1, 2}
    assert all(one.n >= 120 for one in found)
    assert len(audit_subgroups(table, higher_is_better=True, depth=1, resamples=200)) == 7
    assert audit_subgroups(people(2, n=40), higher_is_better=True) == []
    same = Table(np.ones(600), table.cluster, table.groups, table.names)
    assert {one.p for one in audit_subgroups(same, higher_is_better=True, resamples=200)} == {None}
