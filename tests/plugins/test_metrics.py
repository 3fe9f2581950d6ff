"""The built-in metrics held to fairlearn, scikit-learn, torchmetrics and closed forms, over random cases."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from fairlearn import metrics as fair
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lorafair.registry import load_registry, load_target
from lorafair.statistics.table import Table

NAMES = ("a", "b", "c")
EXAMPLES = int(os.environ.get("LORAFAIR_EXAMPLES", "30"))  # 2000 for a long run
MANY = settings(max_examples=EXAMPLES, deadline=None)


def measure(name: str, table: Table, weights: np.ndarray | None = None, **options: Any) -> dict[str, np.ndarray]:
    """The registered metric on the table, one row of ones unless weights are given."""
    function = load_target(load_registry().get("metric", name))
    found = function(table, np.ones((1, len(table.y))) if weights is None else weights, **options)
    assert isinstance(found, dict)
    return found


@st.composite
def tables(draw: st.DrawFn, classes: int = 2, least: int = 1) -> Table:
    """Labels, answers and probabilities in three groups of one attribute, some of them possibly empty."""
    n = draw(st.integers(least, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, draw(st.sampled_from([0.3, 2.0, 8.0])), (n, classes))
    logprob = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    answer = logprob.argmax(axis=1)
    group = rng.choice(3, n, p=rng.dirichlet(np.ones(3)))
    return Table(
        rng.choice(classes, n, p=rng.dirichlet(np.ones(classes))).astype(float),
        rng.integers(0, max(1, n // 2), n),
        {"race": np.eye(3, dtype=bool)[group]},
        {"race": NAMES},
        prob=np.exp(logprob[:, 1]),
        answer=answer,
        confidence=np.exp(logprob.max(axis=1)),
        logprob=logprob,
        classes=tuple(str(k) for k in range(classes)),
        positive=1,
    )


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_allclose(one[key], other[key], atol=1e-9, err_msg=key)


def group_of(table: Table) -> pd.Series:
    return pd.Series(np.array(NAMES)[table.groups["race"].argmax(axis=1)], name="race")


RATES = {
    "accuracy": (sk.accuracy_score, lambda y: len(y) > 0),
    "selection_rate": (lambda y, a: fair.selection_rate(y, a, pos_label=1), lambda y: len(y) > 0),
    "tpr": (lambda y, a: fair.true_positive_rate(y, a, pos_label=1), lambda y: (y == 1).any()),
    "fpr": (lambda y, a: fair.false_positive_rate(y, a, pos_label=1), lambda y: (y == 0).any()),
}


@MANY
@given(tables())
def test_rates_equal_metric_frame_where_there_is_a_denominator(table: Table) -> None:
    group = group_of(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = fair.MetricFrame(
            metrics={name: function for name, (function, _) in RATES.items()},
            y_true=table.y.astype(int),
            y_pred=table.answer,
            sensitive_features=group,
        )
    for name, (_, defined) in RATES.items():
        found = measure(name, table)
        assert found["overall"][0] == pytest.approx(
            frame.overall[name] if defined(table.y) else np.nan, abs=1e-12, nan_ok=True
        )
        levels = []
        for k in NAMES:
            mine = table.y[(group == k).to_numpy()]
            value = found[f"group:race={k}"][0]
            assert value == pytest.approx(frame.by_group[name][k] if defined(mine) else np.nan, abs=1e-12, nan_ok=True)
            levels += [value] if defined(mine) else []
        gap = max(levels) - min(levels) if len(levels) > 1 else np.nan
        assert found["gap"][0] == pytest.approx(gap, abs=1e-12, nan_ok=True)


def test_hundreds_of_cases_equal_metric_frame() -> None:
    """The same in one frame: 200 cases of three groups each, whose groups are the frame's; thousands of rates."""
    rng = np.random.default_rng(7)
    case = np.repeat(np.arange(200), rng.integers(3, 30, 200))
    rate = rng.uniform(0, 1, (200, 2))
    y, answer = (rng.random(len(case)) < rate[case, k] for k in (0, 1))
    group = rng.integers(0, 3, len(case))
    frame = pd.DataFrame({"y": y, "a": answer, "case": case, "race": group}).astype(int)
    with warnings.catch_warnings(), sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        warnings.simplefilter("ignore")
        theirs = fair.MetricFrame(
            metrics={name: function for name, (function, _) in RATES.items()},
            y_true=frame.y,
            y_pred=frame.a,
            sensitive_features=frame[["case", "race"]],
        ).by_group.astype(float)
    checked = 0
    for number, rows in frame.groupby("case"):
        member = np.eye(3, dtype=bool)[rows.race]
        table = Table(
            rows.y.to_numpy(float),
            np.arange(len(rows)),
            {"race": member},
            {"race": NAMES},
            answer=rows.a.to_numpy(),
            positive=1,
        )
        for name, (_, defined) in RATES.items():
            found = measure(name, table)
            for k, label in enumerate(NAMES):
                known = defined(table.y[member[:, k]])
                expected = theirs[name].get((number, k), np.nan) if known else np.nan
                assert found[f"group:race={label}"][0] == pytest.approx(expected, abs=1e-12, nan_ok=True)
                checked += known
    assert checked > 1_900


@MANY
@given(tables())
def test_differences_and_ratio_equal_fairlearn_where_every_rate_has_a_denominator(table: Table) -> None:
    group = group_of(table)
    fair_args = {"y_true": table.y.astype(int), "y_pred": table.answer, "sensitive_features": group}
    present = sorted(set(group))
    parity = {n: measure(f"demographic_parity_{n}", table)["gap"][0] for n in ("difference", "ratio")}
    if len(present) < 2:
        assert np.isnan(list(parity.values())).all()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert parity["difference"] == pytest.approx(fair.demographic_parity_difference(**fair_args), abs=1e-12)
        ratio = fair.demographic_parity_ratio(**fair_args)
        assert parity["ratio"] == pytest.approx(ratio if (table.answer == 1).any() else np.nan, abs=1e-12, nan_ok=True)
        both = all({0, 1} <= set(table.y[(group == k).to_numpy()]) for k in present)
        if both:
            odds = measure("equalized_odds_difference", table)["gap"][0]
            assert odds == pytest.approx(fair.equalized_odds_difference(**fair_args), abs=1e-12)
        frame = fair.MetricFrame(metrics=sk.accuracy_score, **fair_args)
    assert measure("accuracy_parity", table)["gap"][0] == pytest.approx(frame.difference(), abs=1e-12)
    assert measure("worst_group_accuracy", table)["gap"][0] == pytest.approx(frame.group_min(), abs=1e-12)


def test_fairlearn_fills_zero_where_this_says_not_estimable() -> None:
    group = np.array([0, 0, 1, 1])
    table = Table(
        np.array([1.0, 0.0, 0.0, 0.0]),
        np.arange(4),
        {"race": np.eye(3, dtype=bool)[group]},
        {"race": NAMES},
        answer=np.array([1, 0, 0, 0]),
        classes=("0", "1"),
        positive=1,
    )
    theirs = {"y_true": table.y.astype(int), "y_pred": table.answer, "sensitive_features": group_of(table)}
    assert fair.MetricFrame(metrics=fair.true_positive_rate, **theirs).by_group["b"] == 0
    assert fair.equalized_odds_difference(**theirs) == 1.0  # of which nothing was measured: b has no positive label
    assert np.isnan(measure("tpr", table)["group:race=b"][0])
    assert np.isnan(measure("tpr", table)["gap"][0])
    assert np.isnan(measure("equalized_odds_difference", table)["gap"][0])
    nobody = replace(table, answer=np.zeros(4, dtype=int), y=np.zeros(4))
    assert sk.f1_score([0] * 4, [0] * 4, zero_division=0) == 0
    assert np.isnan(measure("f1", nobody)["overall"][0])


@MANY
@given(tables())
def test_scores_of_binary_answers_equal_scikit_learn(table: Table) -> None:
    y = table.y.astype(int)
    expected = sk.f1_score(y, table.answer, zero_division=np.nan)
    if not (y == 1).any() and not (table.answer == 1).any():
        expected = np.nan
    assert measure("f1", table)["overall"][0] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    brier = sk.brier_score_loss(y, table.prob, pos_label=1, labels=[0, 1])
    assert measure("brier", table)["overall"][0] == pytest.approx(brier, abs=1e-12)
    if (y == 1).any():
        assert measure("tpr", table)["overall"][0] == pytest.approx(sk.recall_score(y, table.answer), abs=1e-12)
    sign = np.where(y == 1, 1, -1)
    margin = np.mean(sign * (table.logprob[:, 1] - table.logprob[:, 0]))
    assert measure("margin", table)["overall"][0] == pytest.approx(margin, abs=1e-9)


@MANY
@given(tables(), st.sampled_from([5, 10, 15]))
def test_ece_equals_torchmetrics(table: Table, bins: int) -> None:
    import torch
    from torchmetrics.classification import MulticlassCalibrationError

    edges = np.linspace(0, 1, bins + 1)
    far = np.abs(table.confidence[:, None] - edges).min(axis=1) > 1e-6  # on an edge theirs counts into the next bin
    if not far.any():
        return
    kept = table.take(far)
    oracle = MulticlassCalibrationError(num_classes=2, n_bins=bins, norm="l1")
    theirs = oracle(torch.tensor(np.exp(kept.logprob)), torch.tensor(kept.y).long()).item()
    assert measure("ece", kept, bins=bins)["overall"][0] == pytest.approx(theirs, abs=2e-6)
    for k, name in enumerate(NAMES):
        rows = kept.groups["race"][:, k] if kept.groups else np.zeros(len(kept.y), dtype=bool)
        if rows.any():
            part = oracle(torch.tensor(np.exp(kept.logprob[rows])), torch.tensor(kept.y[rows]).long()).item()
            assert measure("ece", kept, bins=bins)[f"group:race={name}"][0] == pytest.approx(part, abs=2e-6)


def test_plain_ece_of_a_calibrated_model_is_large_in_small_groups_and_the_swept_one_is_not() -> None:
    rng = np.random.default_rng(0)
    plain, swept = [], []
    for _ in range(300):
        prob = rng.uniform(0, 1, 50)
        y, answer = (rng.random(50) < prob).astype(float), (prob > 0.5).astype(int)
        table = Table(y, np.arange(50), answer=answer, confidence=np.maximum(prob, 1 - prob))
        plain.append(measure("ece", table)["overall"][0])
        swept.append(measure("ece_sweep", table)["overall"][0])
    assert np.mean(plain) > 0.10
    assert np.mean(swept) < 0.75 * np.mean(plain)


def test_ece_sweep_bins_are_monotone_and_fixed_under_weights() -> None:
    table = Table(
        np.array([0.0, 1.0, 1.0, 1.0]),
        np.arange(4),
        answer=np.array([1, 1, 1, 1]),
        confidence=np.array([0.6, 0.7, 0.8, 0.9]),
    )
    # accuracies 0, 1, 1, 1 never fall: four bins, |0 - .6| + |1 - .7| + |1 - .8| + |1 - .9| over 4
    assert measure("ece_sweep", table)["overall"][0] == pytest.approx(1.2 / 4)
    # a right answer below a wrong one: two bins fall, so one bin, |2/4 - .75|
    turned = replace(table, y=np.array([1.0, 1.0, 0.0, 0.0]))
    assert measure("ece_sweep", turned)["overall"][0] == pytest.approx(0.25)
    twice = measure("ece_sweep", table, np.array([[2.0, 0.0, 1.0, 1.0]]))["overall"][0]
    assert twice == pytest.approx((2 * 0.6 + 0.2 + 0.1) / 4)


ALL = [entry.name for entry in load_registry().entries("metric") if entry.origin == "lorafair"]


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whole_weights_repeat_rows_order_does_not_matter_and_merging_neither(name: str, data: st.DataObject) -> None:
    table = data.draw(tables())
    n = len(table.y)
    table = replace(
        table,
        classes=("male", "female"),
        groups={"race": table.groups["race"], "stereotype": np.eye(2, dtype=bool)[np.arange(n) % 2]},
        names={"race": NAMES, "stereotype": ("pro", "anti")},
        twin=np.arange(n) // 2 if "counterfactual" in name else None,
    )
    count = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    order = np.array(data.draw(st.permutations(range(n))), dtype=int)
    weighted = measure(name, table, count[None, :].astype(float))
    moved = {
        "y": table.y[order],
        "cluster": table.cluster[order],
        "groups": {a: g[order] for a, g in table.groups.items()},
    }
    columns = {c: getattr(table, c)[order] for c in ("prob", "answer", "confidence", "logprob")}
    twin = None if table.twin is None else table.twin[order]
    shuffled = measure(name, replace(table, **moved, **columns, twin=twin), count[order][None, :].astype(float))
    assert_same(shuffled, weighted)
    function = load_target(load_registry().get("metric", name))
    if getattr(function, "row_additive", False) and n:
        rounded = replace(table, prob=None, confidence=table.confidence.round(1), logprob=table.logprob.round(0))
        if name == "brier":
            rounded = replace(rounded, prob=table.prob.round(1))
        merged = rounded.merge()
        assert_same(measure(name, merged, merged.count[None, :]), measure(name, rounded))
    if name == "ece_sweep" or "counterfactual" in name or not count.sum():
        return  # bins are fixed at the point estimate; a repeated document would be its own twin
    rows = np.repeat(np.arange(n), count)
    again = replace(
        table,
        y=table.y[rows],
        cluster=table.cluster[rows],
        groups={a: g[rows] for a, g in table.groups.items()},
        count=np.ones(len(rows)),
        **{c: getattr(table, c)[rows] for c in ("prob", "answer", "confidence", "logprob")},
    )
    assert_same(measure(name, again), weighted)


def test_twins_are_compared_pair_by_pair() -> None:
    table = Table(
        np.zeros(6),
        np.array([0, 0, 1, 1, 1, 2]),
        {"sex": np.eye(2, dtype=bool)[[0, 1, 0, 1, 0, 1]]},
        {"sex": ("f", "m")},
        answer=np.array([0, 1, 1, 1, 0, 1]),
        logprob=np.log(np.array([[0.5, 0.5], [0.75, 0.25], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])),
        positive=1,
        twin=np.array([0, 0, 1, 1, 1, -1]),
    )
    # documents: 1, 1 | 1/2, 1/2, 1 | no twin
    flips = measure("counterfactual_flip_rate", table)
    assert flips["overall"][0] == pytest.approx((1 + 1 + 0.5 + 0.5 + 1) / 5)
    assert flips["group:sex=m"][0] == pytest.approx((1 + 0.5) / 2)
    gap = measure("counterfactual_logprob_gap", table)["overall"][0]
    assert gap == pytest.approx(2 * np.log(2) / 5)
    scored = replace(table, score=np.array([0.0, 1.0, 0.5, 0.25, np.nan, 1.0]))
    # documents: 1, 1 | one of the three is not scored: nothing is told | no twin
    assert measure("counterfactual_score_gap", scored)["overall"][0] == 1.0
    assert measure("counterfactual_score_gap", replace(scored, score=np.arange(6.0)))["overall"][0] == pytest.approx(
        (1 + 1 + 1.5 + 1 + 1.5) / 5
    )


def test_winomt_on_a_table_worked_by_hand() -> None:
    answer = np.array([0, 0, 0, 0, 0, 1, 2, 1])  # male, female, unknown
    table = Table(
        np.array([0.0, 0, 0, 0, 1, 1, 1, 1]),
        np.arange(8),
        {"stereotype": np.eye(2, dtype=bool)[[0, 0, 1, 1, 0, 0, 1, 1]]},
        {"stereotype": ("pro", "anti")},
        answer=answer,
        classes=("male", "female", "unknown"),
    )
    assert measure("accuracy", table)["overall"][0] == 6 / 8
    male, female = 2 * 4 / (2 * 4 + 1 + 0), 2 * 2 / (2 * 2 + 0 + 2)
    assert measure("delta_g", table)["overall"][0] == pytest.approx(male - female, abs=1e-12)
    assert measure("delta_s", table)["overall"][0] == pytest.approx(3 / 4 - 3 / 4)
    always_male = replace(table, answer=np.zeros(8, dtype=int))
    assert measure("delta_s", always_male)["overall"][0] == 0
    assert measure("delta_g", always_male)["overall"][0] == pytest.approx(2 / 3)
