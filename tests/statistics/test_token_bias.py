"""Ties, calibration and the factorial decomposition, held to scipy, statsmodels and closed forms."""

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from lorafair.statistics.grouping import evaluate
from lorafair.statistics.shift import measure_shift
from lorafair.statistics.table import Table
from lorafair.statistics.token_bias import (
    calibrate,
    choose,
    choose_likely,
    decompose,
    measure_variation,
    share_probability,
)

NATS = st.floats(-60, -0.001)


@settings(deadline=None)
@given(st.lists(NATS, min_size=2, max_size=5))
def test_shares_are_a_softmax_over_the_options(values):
    logprobs = log_softmax([*values, 0.0])[:-1]  # of options that exclude each other, with something left over
    assert share_probability(list(logprobs)) == pytest.approx(softmax(logprobs), abs=1e-12)


@pytest.mark.parametrize(
    "logprobs",
    [
        [0.0, -2.0],  # an option without tokens is certain, and another is possible
        [-0.1, -0.2, -3.0],  # one option's tokens begin another's
        [math.nan, -1.0],
        [-math.inf, -math.inf],
        [800.0, -1.0],
        [-1.0],
        [],
    ],
)
def test_options_that_cannot_be_compared_have_no_shares(logprobs):
    assert share_probability(logprobs) is None


def test_an_impossible_option_and_a_certain_one_can_be_compared():
    assert share_probability([-0.5, -math.inf]) == [1.0, 0.0]
    assert share_probability([0.0, -40.0]) == pytest.approx([1.0, 0.0], abs=1e-15)


def test_a_tie_is_nobodys_answer():
    assert choose([-1.0, -2.0]) == 0
    assert choose([-2.0, -1.0, -1.0 - 1e-9]) is None
    assert choose_likely([0.2, 0.5, 0.3]) == 1
    assert choose_likely([0.5, 0.5]) is None
    assert choose_likely([0.0, 1.0]) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(NATS, NATS), min_size=2, max_size=5))
def test_calibration_is_the_published_affine_map(pairs):
    p, prior = softmax([a for a, _ in pairs]), softmax([b / 4 for _, b in pairs])
    expected = np.diag(1 / prior) @ p
    assert calibrate(list(p), list(prior)) == pytest.approx(expected / expected.sum(), rel=1e-9)
    assert calibrate(list(prior), list(prior)) == pytest.approx(np.full(len(pairs), 1 / len(pairs)))


def test_what_has_no_prior_is_not_calibrated():
    assert calibrate([0.5, 0.5], [1.0, 0.0]) is None


def test_variation_is_half_the_absolute_difference():
    assert measure_variation([1, 0, 0], [0, 1, 0]) == 1
    assert measure_variation([0.5, 0.3, 0.2], [0.4, 0.3, 0.3]) == pytest.approx(0.1)


@settings(deadline=None)
@given(
    st.integers(0, 3).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.floats(-1, 1), min_size=2**k, max_size=2**k)))
)
def test_the_parts_are_the_coefficients_of_the_saturated_model_and_add_up(design):
    factors, values = design
    names = ("position", "symbol", "yes")[:factors]
    cells = [dict(zip(names, cell, strict=True)) for cell in itertools.product((1, -1), repeat=factors)]
    parts = [decompose(value, cell) for value, cell in zip(values, cells, strict=True)]
    for part in parts:
        assert part["apparent"] == pytest.approx(sum(v for k, v in part.items() if k != "apparent"), abs=1e-12)
    means = {key: np.mean([part[key] for part in parts]) for key in parts[0]}
    products = [c for size in range(factors + 1) for c in itertools.combinations(names, size)]
    matrix = np.array([[math.prod(cell[f] for f in c) for c in products] for cell in cells], dtype=float)
    fitted = dict(zip(products, sm.OLS(np.array(values), matrix).fit().params, strict=True))
    assert means["apparent"] == pytest.approx(values[0], abs=1e-9)  # the plain prompt comes first
    assert means["meaning"] == pytest.approx(fitted[()], abs=1e-9)
    for name in names:
        assert means[name] == pytest.approx(fitted[(name,)], abs=1e-9)
    more = sum(value for key, value in fitted.items() if len(key) > 1)
    assert means["interaction"] == pytest.approx(more, abs=1e-9)


def _table(answers, sides, sets):
    groups = {
        "order": np.array([[side == 0, side == 1] for side in sides]),
        "symbols": np.array([[name == "a", name == "b"] for name in sets]),
    }
    names = {"order": ("female first", "male first"), "symbols": ("a", "b")}
    n = len(answers)
    return Table(np.full(n, np.nan), np.arange(n) // 2, groups, names, answer=np.array(answers))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from("ab"), st.integers(0, 4)),
        min_size=1,
        max_size=30,
    )
)
def test_the_shift_is_the_distance_of_two_histograms_under_any_weights(rows):
    answers, sides, sets, weights = (list(column) for column in zip(*rows, strict=True))
    table = _table(answers, sides, sets)
    found = measure_shift(table, np.array([weights], dtype=float), "order")

    def histogram(side, name=None):
        kept = [
            (a, w) for a, s, n, w in zip(answers, sides, sets, weights, strict=True) if s == side and name in (None, n)
        ]
        total = sum(w for _, w in kept)
        return [sum(w for a, w in kept if a == k) / total if total else math.nan for k in range(4)]

    for key, name in (("overall", None), ("group:symbols=a", "a"), ("group:symbols=b", "b")):
        expected = measure_variation(histogram(0, name), histogram(1, name))
        assert found[key][0] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(found["group:order=male first"]).all()
    # Swapped sides are the same distance, so that a group's rest is asked about the same thing.
    assert measure_shift(table.rest(), np.ones((1, len(rows))), "order")["overall"] == pytest.approx(
        measure_shift(table, np.ones((1, len(rows))), "order")["overall"], nan_ok=True
    )


def test_without_the_attribute_there_is_no_shift():
    table = _table([0, 1], [0, 1], "ab").keep("symbols", ("a", "b"))
    found = measure_shift(table, np.ones((2, 2)), "order")
    assert set(found) == set(evaluate(table, lambda rows: np.zeros(2)))
    assert all(np.isnan(value).all() for value in found.values())
