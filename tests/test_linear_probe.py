"""The linear probe: scikit-learn's predictions, a null that holds for whole clusters, intervals in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.preprocessing import StandardScaler

from lorafair.linear_probe import (
    Setting,
    balance,
    draw_folds,
    draw_null,
    estimate_balanced,
    permute_labels,
    predict_labels,
    reduce_states,
)


def test_predictions_are_scikit_learns_on_the_standardised_states():
    draw = np.random.default_rng(0)
    label = draw.integers(0, 3, 60)
    states = draw.normal(size=(60, 90)) + label[:, None] * draw.normal(size=90) * 0.4
    fold = draw_folds(np.arange(60) // 2, Setting())
    assert all(len(set(fold[2 * i : 2 * i + 2])) == 1 for i in range(30))
    probe = LogisticRegression(class_weight="balanced", max_iter=500)
    expected = cross_val_predict(probe, StandardScaler().fit_transform(states), label, cv=PredefinedSplit(fold))
    found = predict_labels(reduce_states(states, 1000), label, fold)
    assert (found == expected).mean() > 0.98  # the solver stops at its tolerance
    assert balance(found == label, label) == pytest.approx(balanced_accuracy_score(label, found))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=40), st.integers(0, 99))
def test_permuted_labels_keep_what_a_cluster_is(rows, seed):
    cluster, label = (np.array(column, dtype=np.intp) for column in zip(*rows, strict=True))
    found = permute_labels(label, cluster, np.random.default_rng(seed))
    whole = []
    for c in set(cluster.tolist()):
        before, after = label[cluster == c], found[cluster == c]
        if len(set(before.tolist())) > 1:
            assert sorted(after) == sorted(before)
        else:
            assert len(set(after.tolist())) == 1
            whole.append((before[0], after[0]))
    assert sorted(b for b, _ in whole) == sorted(a for _, a in whole)


def test_noise_is_not_read_even_where_a_clusters_documents_are_alike():
    """People with four texts each: single texts shuffled would make chance look half as wide as it is."""
    draw, cluster = np.random.default_rng(1), np.repeat(np.arange(16), 4)
    setting, found, spread = Setting(folds=2), 0, []
    fold = draw_folds(cluster, setting)
    for _ in range(8):
        label = np.repeat(draw.permutation(np.arange(16) % 2), 4)
        states = np.repeat(draw.normal(size=(16, 4)), 4, axis=0) + 0.3 * draw.normal(size=(64, 4))
        null = draw_null([states], label, cluster, setting, 19)[:, 0]
        found += balance(predict_labels(states, label, fold) == label, label) > null.max()
        torn = [permute_labels(label, np.arange(64), draw) for _ in range(10)]
        spread.append([np.var(null), np.var([balance(predict_labels(states, t, fold) == t, t) for t in torn])])
    assert found <= 2  # 0.4 expected; more than 2 has probability 0.006
    whole, single = np.sqrt(np.mean(spread, axis=0))
    assert whole > 1.3 * single


def test_intervals_are_those_of_independent_proportions():
    label = np.repeat([0, 1], [100, 50])
    right = np.r_[np.arange(100) < 80, np.arange(50) < 30]
    found = estimate_balanced(right, label, np.arange(150))
    assert found.value == pytest.approx(0.7)
    assert found.se**2 == pytest.approx((0.16 / 100 + 0.24 / 50) / 4 * 150 / 149)
    assert estimate_balanced(right, label, np.arange(150), right).high == 0
    wider = estimate_balanced(right, label, np.arange(150), family=10)
    assert wider.low < found.low
