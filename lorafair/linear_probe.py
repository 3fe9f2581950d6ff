"""How well a linear probe reads a group from states of a model: cross-validated by cluster, against permuted labels.

Linear probes are Alain and Bengio's (2016, arXiv 1610.01644); that a probe's accuracy means nothing without a control
task is Hewitt and Liang's (2019, arXiv 1909.03368): here the control is the same probe on permuted labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.interval import FEW_CLUSTERS, Estimate
from lorafair.statistics.table import Floats

Codes = NDArray[np.intp]
STEPS = 500


@dataclass(frozen=True)
class Setting:
    """Folds of the cross-validation, principal components that a probe sees at most, and the seed of the folds."""

    folds: int = 5
    components: int = 64
    seed: int = 0


def reduce_states(states: Floats, components: int) -> Floats:
    """Standardised states (n, d) on their first principal components, without a look at any label.

    With as many components as there are documents or dimensions, an L2-penalised probe is that of the standardised
    states themselves, only faster.
    """
    spread = states.std(axis=0)
    centred = (states - states.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    kept = min(components, int((sizes > 1e-9 * max(float(sizes[0]), 1e-300)).sum())) if len(sizes) else 0
    return np.asarray(centred @ axes[: max(kept, 1)].T, dtype=np.float64)


def draw_folds(cluster: Codes, setting: Setting) -> Codes:
    """The fold of each document: whole clusters, dealt out at random, whatever their labels."""
    _, codes = np.unique(cluster, return_inverse=True)
    order = np.random.default_rng([setting.seed, 0]).permutation(int(codes.max()) + 1)
    return np.asarray(order[codes] % setting.folds, dtype=np.intp)


def predict_labels(reduced: Floats, label: Codes, fold: Codes) -> Codes:
    """Each document's label, read by scikit-learn's logistic regression fitted on the other folds.

    The penalty is L2 with C = 1, classes weigh the same.  A fold whose others have one class only gets that one.
    """
    from sklearn import config_context
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    found = np.empty(len(label), dtype=np.intp)
    # what is fitted is checked here: scikit-learn's checks would take longer than its fits
    with warnings.catch_warnings(), config_context(assume_finite=True, skip_parameter_validation=True):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for k in np.unique(fold):
            test = fold == k
            own = label[~test]
            classes, codes, counts = np.unique(own, return_inverse=True, return_counts=True)
            if len(classes) < 2:
                found[test] = classes[0] if len(classes) else -1
                continue
            balanced = len(own) / (len(classes) * counts[codes])
            probe = LogisticRegression(max_iter=STEPS).fit(reduced[~test], own, sample_weight=balanced)
            found[test] = probe.predict(reduced[test])
    return found


def permute_labels(label: Codes, cluster: Codes, rng: np.random.Generator) -> Codes:
    """Labels as they might have been if states told nothing of them, given the clusters.

    In clusters that hold several labels (a template with every identity filled in) they are shuffled within the
    cluster.  Clusters that hold one label only (a person's texts) swap their labels with each other, whole: shuffling
    single documents would tear apart what belongs together and make chance look rarer than it is.
    """
    found = label.copy()
    first: list[int] = []
    whole: list[NDArray[np.intp]] = []
    for rows in split_rows(cluster):
        if (label[rows] == label[rows[0]]).all():
            whole.append(rows)
            first.append(int(label[rows[0]]))
        else:
            found[rows] = rng.permutation(label[rows])
    for rows, value in zip(whole, rng.permutation(np.array(first, dtype=np.intp)), strict=True):
        found[rows] = value
    return found


def split_rows(cluster: Codes) -> list[NDArray[np.intp]]:
    """The rows of each cluster."""
    _, codes = np.unique(cluster, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return list(np.split(order, np.cumsum(np.bincount(codes))[:-1]))


def balance(right: NDArray[Any], label: Codes) -> float:
    """Balanced accuracy: the mean over classes of the share that was read rightly (or of shares of layers)."""
    return float(np.mean([right[label == k].mean() for k in np.unique(label)]))


def draw_null(
    reduced: Sequence[Floats], label: Codes, cluster: Codes, setting: Setting, permutations: int
) -> NDArray[np.float64]:
    """Balanced accuracies under permuted labels, (permutations, layers): one permutation is the same for all layers."""
    fold, rng = draw_folds(cluster, setting), np.random.default_rng([setting.seed, 1])
    null = np.empty((permutations, len(reduced)))
    for each in null:
        drawn = permute_labels(label, cluster, rng)
        each[:] = [balance(predict_labels(layer, drawn, fold) == drawn, drawn) for layer in reduced]
    return null


def estimate_balanced(
    right: NDArray[Any], label: Codes, cluster: Codes, other: NDArray[Any] | None = None, family: int = 1
) -> Estimate:
    """Balanced accuracy with a t interval by clusters, or its difference from ``other``'s, given the probes.

    Linearised: a cluster's share in a class's rate is ``sum(right - rate) / n_class``; degrees of freedom are clusters
    less one.  With a ``family`` the interval has level ``1 - 0.05 / family`` (Bonferroni).
    """
    from scipy.stats import t

    value = right.astype(np.float64) - (0.0 if other is None else other.astype(np.float64))
    classes = np.unique(label)
    _, codes = np.unique(cluster, return_inverse=True)
    clusters = int(codes.max()) + 1
    mean, influence = 0.0, np.zeros(clusters)
    for k in classes:
        inside = label == k
        rate = value[inside].mean()
        mean += rate / len(classes)
        share = np.bincount(codes[inside], weights=value[inside] - rate, minlength=clusters)
        influence += share / inside.sum() / len(classes)
    if clusters < 2:
        return Estimate(mean, method="no interval: one cluster")
    se = float(np.sqrt((influence**2).sum() * clusters / (clusters - 1)))
    reach = float(t.ppf(1 - 0.025 / family, clusters - 1)) * se
    ends = (0.0 if other is None else -1.0, 1.0)
    few = " (few clusters)" if clusters < FEW_CLUSTERS else ""
    over = f", Bonferroni over {family} layers" if family > 1 else ""
    method = f"linearised, t, {clusters} clusters{few}{over}"
    return Estimate(mean, se, max(ends[0], mean - reach), min(ends[1], mean + reach), method, df=float(clusters - 1))
