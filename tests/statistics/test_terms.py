"""Metrics of few sums: sums over clusters held to asking the metric, and pairs by them to pairs without."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lorafair.plugins.metrics.rate import rate

from lorafair.registry import load_registry, load_target
from lorafair.statistics.compare import measure, subtract
from lorafair.statistics.interval import Estimate
from lorafair.statistics.pair import Column
from lorafair.statistics.resample import sample, take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import Summary
from lorafair.statistics.table import Floats, Table
from lorafair.statistics.terms import add_terms, sample_alike, sample_terms

NAMES = [e.name for e in load_registry().entries("metric") if hasattr(load_target(e), "terms")]


def load(name: str) -> Any:
    return load_target(load_registry().get("metric", name))


def draw_table(seed: int, n: int, clusters: int, many: bool, classes: tuple[str, ...] = ("female", "male")) -> Table:
    """Overlapping groups, some of them empty; uneven clusters; an attribute that metrics of two sides ask for."""
    rng = np.random.default_rng(seed)
    groups = {"order": np.eye(2, dtype=bool)[rng.integers(0, 2, n)], "stereotype": rng.random((n, 2)) < 0.4}
    names = {"order": ("first", "second"), "stereotype": ("anti", "pro")}
    for attribute in ("mapping", "question"):
        groups[attribute], names[attribute] = groups["order"], names["order"]
    if many:
        groups["race"], names["race"] = rng.random((n, 3)) < 0.3, ("a", "b", "c")
    answer = rng.integers(0, len(classes), n)
    return Table(
        rng.integers(0, len(classes), n).astype(float),
        np.unique(rng.integers(0, clusters, n), return_inverse=True)[1],
        groups,
        names,
        answer=answer,
        confidence=np.round(rng.uniform(1 / len(classes), 1, n), 1 + int(rng.integers(0, 3))),
        classes=classes,
        positive=1,
    )


def test_there_are_such_metrics() -> None:
    assert {"f1", "ece", "ece_sweep", "delta_g", "delta_s", "answer_shift_order"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 12), st.booleans())
def test_sums_over_clusters_equal_the_metric_asked(name: str, seed: int, n: int, clusters: int, many: bool) -> None:
    table, metric = draw_table(seed, n, clusters, many), load(name)
    added = add_terms(metric.terms, table)
    assert added is not None
    short = sample_terms(added, take_draw(table.clusters, 20, 1))
    long = sample(metric, table, resamples=20, seed=1)
    assert set(short.keys) == set(long.keys)
    for key in long.keys:
        i, j = short.keys.index(key), long.keys.index(key)
        for part in ("estimate", "jackknife", "bootstrap", "mass"):
            one, other = getattr(short, part)[..., i], getattr(long, part)[..., j]
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12, err_msg=f"{key} {part}")


def test_kinds_of_clusters_are_counted_together_in_the_same_resamples() -> None:
    table = draw_table(3, 600, 600, False)
    added = add_terms(load("f1").terms, replace(table, cluster=np.arange(600)))
    (kinds,) = sample_alike([added], resamples=50, seed=2) or []
    singly = sample_terms(added, take_draw(600, 50, 2))
    assert kinds.weights.shape[1] <= 600 / 8
    np.testing.assert_allclose(kinds.bootstrap, singly.bootstrap, rtol=1e-12)
    np.testing.assert_allclose(kinds.estimate, singly.estimate, rtol=1e-12)
    few = add_terms(load("f1").terms, table)
    assert sample_alike([few], resamples=50, seed=2) is None


def flatten(found: Summary) -> dict[str, Any]:
    """Every number and word of a summary."""
    flat: dict[str, Any] = {}

    def walk(at: str, each: Any) -> None:
        if isinstance(each, dict):
            for key, value in each.items():
                walk(f"{at}/{key}", value)
        elif isinstance(each, Estimate):
            for key, value in vars(each).items():
                walk(f"{at}/{key}", value)
        else:
            flat[at] = each

    walk("", vars(found))
    return flat


def assert_alike(one: Summary, other: Summary) -> None:
    first, second = flatten(one), flatten(other)
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, float):
            assert math.isclose(value, second[key], rel_tol=1e-9, abs_tol=1e-12), key
        else:
            assert value == second[key], key


@pytest.mark.parametrize("name", ["f1", "ece", "ece_sweep", "delta_g"])
@pytest.mark.parametrize("clusters", [40, 400])
def test_pairs_are_those_of_the_metric_asked(name: str, clusters: int) -> None:
    """Every interval and p value the same whether the metric is asked or its sums are added up."""
    tables = {model: draw_table(seed, 400, clusters, True) for seed, model in enumerate(("base", "model"))}
    first = tables["base"]
    if clusters == 400:
        first = replace(first, cluster=np.arange(400))
    tables = {m: replace(t, cluster=first.cluster, groups=first.groups, y=first.y) for m, t in tables.items()}
    metric = load(name)

    def asked(table: Table, weights: Floats, **more: Any) -> dict[str, Floats]:
        return metric(table, weights)

    vars(asked).update({key: value for key, value in vars(metric).items() if key != "terms"})
    nothing = {model: np.zeros(400) for model in tables}
    column = Column("t", name, nothing, first.cluster, first.groups, first.names, True, function=metric, tables=tables)
    plain, few = replace(column, function=asked, cache={}), Settings(resamples=60)
    assert_alike(measure(column, "model", rate, few), measure(plain, "model", rate, few))
    fast, slow = (subtract(each, "model", "base", rate, few) for each in (column, plain))
    assert_alike(fast.summary, slow.summary)


def test_a_mean_that_a_stranger_computes_is_asked_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    times = []

    def mean(table: Table, weights: Floats, **more: Any) -> dict[str, Floats]:
        times.append(len(weights))
        return rate(table, weights)

    mean.mean_of_y = True  # type: ignore[attr-defined]
    table = draw_table(5, 200, 30, True)
    values = {"base": np.random.default_rng(0).random(200), "model": np.random.default_rng(1).random(200)}
    column = Column("t", "m", values, table.cluster, table.groups, table.names, True, function=mean)
    few = Settings(resamples=80)
    fast = subtract(column, "model", "base", rate, few)
    assert sum(times) == 2 * 2 * 5  # two models, everybody and the rests, five rows of weights
    monkeypatch.setattr("lorafair.statistics.pair.prove_mean", lambda metric, table: False)
    slow = subtract(replace(column, cache={}), "model", "base", rate, few)
    assert sum(times) > 2 * 2 * 80
    assert_alike(fast.summary, slow.summary)
