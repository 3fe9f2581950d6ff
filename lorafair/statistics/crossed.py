"""Inference about a method from several training seeds, when every seed answered the same documents.

Seeds are crossed with clusters of documents (Owen 2007): ``P_sc = theta_s + z_sc``, ``theta_s`` the estimand of seed
s (a paired difference from its reference) and ``z_sc`` its influence of cluster c, centred.  In the two-way model
``P_sc = theta + A_s + B_c + E_sc`` with variances a, b, e, for S seeds and C clusters,

    MS_S = C sum_s (theta_s - mean)^2 / (S - 1)            expects C a + e
    MS_C = S sum_c (mean_s z_sc)^2 / (C - 1)               expects S b + e
    MS_E = sum_sc (z_sc - mean_s z_sc)^2 / ((S-1)(C-1))    expects e
    var(mean) = a / S + b / C + e / (S C) = E (MS_S + MS_C - MS_E) / (S C).

The estimate of it is never below ``MS_S / (S C)`` (the t test on per-seed differences, documents taken as given) nor
below ``MS_C / (S C)`` (the cluster-robust variance of the mean, seeds taken as given), and t has Satterthwaite's (1946)
degrees of freedom of that sum: with no document component S - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lorafair.statistics.interval import Estimate
from lorafair.statistics.studentised import Studentised
from lorafair.statistics.table import Floats

MIN_SEEDS = 5


@dataclass(frozen=True)
class Crossed:
    """Mean over seeds, its standard error and degrees of freedom; ``seed_sd`` is the true spread between seeds,
    sqrt of a, 0 where the estimate of a is negative."""

    value: float
    se: float
    df: float
    seed_sd: float


def cross(theta: Floats, influence: Floats) -> Crossed:
    """Analyse S estimands (S,) with their influences (S, C), at least two seeds and two clusters."""
    s, c = influence.shape
    z = influence - influence.mean(axis=1, keepdims=True)
    shared = z.mean(axis=0)
    seeds = c * float(np.var(theta, ddof=1))
    clusters = s * float(np.sum(shared**2)) / (c - 1)
    rest = float(np.sum((z - shared) ** 2)) / ((s - 1) * (c - 1))
    total = seeds + clusters - rest
    spread = seeds**2 / (s - 1) + clusters**2 / (c - 1) + rest**2 / ((s - 1) * (c - 1))
    df = total**2 / spread if spread > 0 and total > 0 else float(s - 1)
    if total < max(seeds, clusters):
        total, df = max(seeds, clusters), float(s - 1 if seeds >= clusters else c - 1)
    df = float(np.clip(df, min(s, c) - 1, (s - 1) * (c - 1)))
    return Crossed(float(theta.mean()), float(np.sqrt(total / (s * c))), df, float(np.sqrt(max(seeds - rest, 0) / c)))


def estimate_crossed(
    each: Sequence[Studentised], *, family: int = 1, alpha: float = 0.05, margin: float | None = None
) -> Estimate:
    """Estimate, t interval and p of one estimand over the seeds; ``p_max`` by Bonferroni over ``family`` groups.

    Args:
        each: the estimand for every seed, all over the same clusters.
        family: number of groups claimed together; the interval has level ``1 - alpha / family``.
        margin: of the questions of :mod:`lorafair.statistics.margin`, where asked.
    """
    from scipy.stats import t

    theta = np.array([one.value for one in each])
    if len(each) < 2 or not np.isfinite(theta).all() or any(len(one.influence) < 2 for one in each):
        return Estimate(float(theta.mean()) if np.isfinite(theta).all() else None)
    found = cross(theta, np.stack([one.influence for one in each]))
    clusters = len(each[0].influence)
    method = f"t over {len(each)} training seeds crossed with {clusters} clusters, {found.df:.1f} degrees of freedom"
    if found.se <= 1e-12:
        return Estimate(found.value, found.se, method="not estimable: all seeds alike")
    half = float(t.ppf(1 - alpha / (2 * family), found.df)) * found.se
    unseen = float(np.mean([one.unseen for one in each]))
    p = float(2 * t.sf(abs(found.value) / np.hypot(found.se, np.sqrt(unseen)), found.df))
    sides: tuple[float | None, float | None] = (None, None)
    if margin is not None:
        sides = (
            float(t.cdf((found.value - margin) / found.se, found.df)),
            float(t.sf((found.value + margin) / found.se, found.df)),
        )
    over = f", Bonferroni over {family} groups" if family > 1 else ""
    low, high = found.value - half, found.value + half
    return Estimate(found.value, found.se, low, high, method + over, p, min(1.0, family * p), *sides, found.df)
