"""ROC curves: scikit-learn's numbers, DeLong's and Obuchowski's variances written out, coverage on known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from lorafair.statistics.operating_point import count_effective, estimate_tpr
from lorafair.statistics.roc import estimate_auc

SCORES = npst.arrays(np.float64, st.integers(2, 40), elements=st.integers(-6, 6).map(float))


def alone(positive, negative):
    """Each document a cluster of its own."""
    return np.arange(len(positive)), len(positive) + np.arange(len(negative))


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_the_area_is_scikit_learns_and_a_mirror_image(positive, negative):
    found = estimate_auc(positive, negative, *alone(positive, negative))
    truth = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    assert found.value == pytest.approx(roc_auc_score(truth, np.r_[positive, negative]), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    turned = estimate_auc(-positive, -negative, *alone(positive, negative))
    assert turned.value == pytest.approx(1 - found.value, abs=1e-12)
    assert turned.se == pytest.approx(found.se, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES, st.sampled_from([0.01, 0.05, 0.1, 0.3]))
def test_the_rate_at_a_false_positive_rate_is_scikit_learns(positive, negative, fpr):
    found = estimate_tpr(positive, negative, *alone(positive, negative), fpr=fpr)
    if len(negative) * fpr < 1 - 1e-9:
        assert found.value is None
        assert "non-members needed" in found.method
        return
    truth = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    wrong, right, _ = roc_curve(truth, np.r_[positive, negative], drop_intermediate=False)
    assert found.value == pytest.approx(right[wrong <= fpr + 1e-12].max(), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_the_variance_is_delongs_and_in_clusters_obuchowskis():
    draw = np.random.default_rng(3)
    positive, negative = draw.normal(1, 1, 17).round(1), draw.normal(0, 1, 23).round(1)
    kernel = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    delong = kernel.mean(1).var(ddof=1) / 17 + kernel.mean(0).var(ddof=1) / 23
    found = estimate_auc(positive, negative, *alone(positive, negative))
    assert found.se**2 == pytest.approx(delong, rel=1e-12)
    ours, theirs = draw.integers(0, 6, 17), draw.integers(2, 9, 23)  # some clusters hold both kinds
    value, total = kernel.mean(), {"10": 0.0, "01": 0.0, "11": 0.0}
    for c in range(9):
        one = (kernel.mean(1)[ours == c] - value).sum()
        other = (kernel.mean(0)[theirs == c] - value).sum()
        total["10"] += one**2
        total["01"] += other**2
        total["11"] += one * other
    i10, i01, i = len(set(ours)), len(set(theirs)), len({*ours, *theirs})
    obuchowski = (
        total["10"] * i10 / (i10 - 1) / 17**2
        + total["01"] * i01 / (i01 - 1) / 23**2
        + 2 * total["11"] * i / (i - 1) / (17 * 23)
    )
    assert estimate_auc(positive, negative, ours, theirs).se ** 2 == pytest.approx(obuchowski, rel=1e-12)


def test_a_document_twice_in_its_cluster_tells_nothing_new():
    draw = np.random.default_rng(4)
    positive, negative = draw.normal(0.5, 1, 150), draw.normal(0, 1, 200)
    ours, theirs = alone(positive, negative)
    once = estimate_auc(positive, negative, ours, theirs)
    twice = estimate_auc(*(np.repeat(each, 2) for each in (positive, negative, ours, theirs)))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-12)
    hit = draw.random(400) < 0.1
    assert count_effective(np.repeat(hit, 2), np.repeat(np.arange(400), 2)) == pytest.approx(400, rel=0.01)
    assert count_effective(hit, np.arange(400)) == 400
    assert count_effective(np.repeat(hit, 2) & False, np.repeat(np.arange(400), 2)) == 400


def test_perfect_separation_is_bounded_by_the_smaller_side_and_one_cluster_has_no_interval():
    positive, negative = np.arange(10, 20.0), np.arange(5.0)
    found = estimate_auc(positive, negative, *alone(positive, negative))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 5), abs=1e-12)  # Clopper-Pearson, 5 of 5
    assert estimate_auc(positive, negative, np.zeros(10, int), np.arange(1, 6)).low is None
    assert estimate_auc(positive[:0], negative, np.zeros(0, int), np.arange(5)).value is None


@pytest.mark.parametrize(("shift", "m", "n"), [(0.0, 60, 60), (1.0, 40, 80), (2.5, 100, 100)])
def test_intervals_of_the_area_cover_the_truth(shift, m, n):
    """Binormal scores in clusters of two that are alike: the area is Phi(shift / sqrt 2), coverage at least 92%."""
    truth, draw, hit = norm.cdf(shift / np.sqrt(2)), np.random.default_rng(5), 0
    ours, theirs = np.arange(m) // 2, m + np.arange(n) // 2
    for _ in range(400):
        shared = [np.repeat(draw.normal(size=size // 2), 2) for size in (m, n)]
        own = [draw.normal(size=size) for size in (m, n)]
        positive, negative = ((s + o) / np.sqrt(2) for s, o in zip(shared, own, strict=True))
        found = estimate_auc(positive + shift, negative, ours, theirs)
        hit += found.low <= truth <= found.high
    assert hit >= 0.92 * 400


@pytest.mark.parametrize("paired", [False, True])
def test_intervals_of_the_rate_cover_the_truth(paired):
    """The rate at 5% of binormal scores is Phi(shift + z_.05); documents alone, and twice in their clusters."""
    shift, fpr, draw, hit = 1.5, 0.05, np.random.default_rng(6), 0
    truth = norm.cdf(shift + norm.ppf(fpr))
    times = 2 if paired else 1
    for _ in range(300):
        positive, negative = (np.repeat(draw.normal(size=400), times) for _ in range(2))
        ours, theirs = (np.repeat(np.arange(400) + start, times) for start in (0, 400))
        found = estimate_tpr(positive + shift, negative, ours, theirs, fpr=fpr)
        hit += found.low <= truth <= found.high
        assert found.high - found.low < 0.45
    assert hit >= 0.95 * 300
