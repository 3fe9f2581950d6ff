"""Audits of known truth: a base and models that answer documents in clusters at exactly known rates.

A document's probability is ``expit(a + s_c z_cluster + s_d z_document)`` with standard normal ``z``, the same for all
models unless they answer independently; ``a`` is solved for so that a group's rate over all documents is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from lorafair.statistics.pair import Column
from lorafair.statistics.table import Floats


@dataclass(frozen=True)
class Truth:
    """What is true of one simulated audit.

    ``clusters``: C; ``sizes``: documents of each group, dealt to the clusters in turn, group after group; ``rates``:
    model -> rate of each group.  ``cluster_sd`` and ``document_sd`` are the spread of difficulty that all models share,
    in logits; ``own_sd`` is each model's own per document, so that two models with it and equal rates are two training
    seeds; ``completions`` K: a value is the mean of K answers.
    """

    clusters: int
    sizes: tuple[int, ...]
    rates: Mapping[str, Sequence[float]]
    cluster_sd: float = 0.7
    document_sd: float = 0.7
    own_sd: float = 0.0
    completions: int = 1
    independent: bool = False
    attribute: str = field(default="group")


def draw_audit(truth: Truth, seed: int) -> Column:
    """One audit: a column whose ``values`` have a (n,) array for each model, n the sum of the sizes.

    Args:
        seed: the same truth and seed give the same audit.
    """
    rng = np.random.default_rng([seed, truth.clusters])
    group = np.repeat(np.arange(len(truth.sizes)), truth.sizes)
    cluster = (rng.integers(truth.clusters) + np.arange(len(group))) % truth.clusters

    def spread() -> Floats:
        of = rng.normal(0, truth.cluster_sd, truth.clusters)[cluster]
        return np.asarray(of + rng.normal(0, truth.document_sd, len(cluster)), dtype=np.float64)

    shared = spread()
    total = float(np.hypot(np.hypot(truth.cluster_sd, truth.document_sd), truth.own_sd))
    values = {}
    for model, rates in truth.rates.items():
        centre = np.array([centre_logit(float(rate), total) for rate in rates])
        own = rng.normal(0, truth.own_sd, len(cluster))
        logits = centre[group] + (spread() if truth.independent else shared) + own
        values[model] = rng.binomial(truth.completions, 1 / (1 + np.exp(-logits))) / truth.completions
    member = group[:, None] == np.arange(len(truth.sizes))
    names = tuple(f"g{k}" for k in range(len(truth.sizes)))
    codes = np.unique(cluster, return_inverse=True)[1].astype(np.intp)
    return Column("simulated", "rate", values, codes, {truth.attribute: member}, {truth.attribute: names}, False)


@lru_cache(maxsize=1024)
def centre_logit(rate: float, sd: float) -> float:
    """``a`` for which the mean of ``expit(a + sd z)`` over a standard normal ``z`` is ``rate``."""
    from scipy.optimize import brentq

    nodes, weights = np.polynomial.hermite_e.hermegauss(61)

    def miss(centre: float) -> float:
        return float(weights @ (1 / (1 + np.exp(-(centre + sd * nodes)))) / weights.sum() - rate)

    return float(brentq(miss, -40, 40, xtol=1e-12))
