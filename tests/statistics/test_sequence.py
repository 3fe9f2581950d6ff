"""Confidence sequences: right at every time at once, and asking less where the answer is plain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.statistics.sequence import bound_sequence, decide, decide_all


def _differences(rng: np.random.Generator, clusters: int, change: float, group: int = 4) -> np.ndarray:
    """Mean over a cluster's documents of model minus base, for rates of .2 and .2 + change."""
    return (rng.binomial(group, 0.2 + change, clusters) - rng.binomial(group, 0.2, clusters)) / group


def test_the_mean_is_ever_outside_in_at_most_alpha() -> None:
    rng = np.random.default_rng(0)
    for change, group in ((0.0, 1), (0.3, 4)):
        out = 0
        for _ in range(150):
            low, high = bound_sequence(_differences(rng, 300, change, group), points=201)
            out += bool(((low > change) | (high < change)).any())
        assert out / 150 <= 0.05


def test_a_fixed_time_interval_would_be_wrong_when_looked_at_often() -> None:
    """What the sequence is for: stopping at the first 95% interval without 0 errs far more often."""
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(200):
        d = _differences(rng, 300, 0.0)
        n = np.arange(1, 301)
        mean = np.cumsum(d) / n
        error = np.sqrt(np.maximum(np.cumsum(d**2) / n - mean**2, 1e-9) / n)
        wrong += bool((np.abs(mean) > 1.96 * error)[9:].any())
    assert wrong / 200 > 0.15


def test_planted_bias_is_decided_with_a_third_of_the_generations() -> None:
    """Six checkpoints, two of them planted (+0.35), over 400 clusters; equivalent means within 0.2."""
    rng = np.random.default_rng(2)
    used = full = wrong = missed = 0
    for _ in range(20):
        planted = {"a": 0.35, "b": 0.35, "c": 0.0, "d": 0.0, "e": 0.0, "f": 0.0}
        found = decide_all({k: _differences(rng, 400, v) for k, v in planted.items()}, margin=0.2)
        used += sum(one.clusters for one in found.values()) + max(
            one.clusters for one in found.values()
        )  # and the base
        full += 7 * 400
        wrong += any(found[k].word not in ({"rise"} if v else {"equivalent", "undecided"}) for k, v in planted.items())
        missed += sum(one.word == "undecided" for one in found.values())
    assert wrong <= 3
    assert missed <= 2
    assert full / used >= 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60))
def test_ends_never_widen_and_hold_each_other(values: list[float]) -> None:
    low, high = bound_sequence(np.array(values), points=101)
    assert (np.diff(low) >= -1e-12).all()
    assert (np.diff(high) <= 1e-12).all()
    assert (low <= high).all()
    assert ((low >= -1) & (high <= 1)).all()


def test_edges() -> None:
    assert decide(np.empty(0)).word == "undecided"
    assert decide(np.ones(9)).word == "undecided"
    assert decide(np.ones(40)).word == "rise"
    assert decide(-np.ones(40)).word == "fall"
    assert decide(np.zeros(3000), margin=0.1).word == "equivalent"
    with pytest.raises(ValueError, match="differences in"):
        bound_sequence(np.array([0.0, np.nan]))
