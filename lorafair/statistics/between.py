"""The double-corrected between-group variance (Lum, Zhang and Bower 2022, arXiv 2205.05770).

The sample variance ``S^2`` of K group estimates is biased upward by their sampling noise.  With the noise's covariance
``Sigma`` (by jackknife over clusters, so that groups that share clusters are allowed for) ``E S^2 = V + c`` with
``c = (trace Sigma - sum Sigma / K) / (K - 1)``; for independent groups ``c`` is the mean of their squared standard
errors, as in the paper.  ``V = S^2 - c`` is unbiased, and may be negative.  A bootstrap resample adds the noise a
second time, so its variance is corrected twice: ``V*_b = S*_b^2 - 2 c``; the interval holds the middle 95% of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lorafair.statistics.interval import Estimate
from lorafair.statistics.resample import Sampled

METHOD = "double-corrected variance (Lum et al. 2022)"


def estimate_between(sampled: Sampled, keys: Sequence[str], alpha: float = 0.05) -> Estimate:
    """Variance of the true values between groups, with a percentile interval of the corrected resamples.

    Args:
        sampled: one model's, over C clusters.
        keys: of the K groups, as in ``sampled.keys``.
        alpha: 1 minus the level of the interval.

    Returns:
        an estimate in the squared unit of the metric; not estimable with fewer than two groups that each have a value
        without any one of the clusters and in 99% of the resamples.
    """
    columns = [sampled.keys.index(key) for key in keys]
    held = [
        k
        for k in columns
        if np.isfinite(sampled.estimate[k])
        and np.isfinite(sampled.jackknife[:, k]).all()
        and np.mean(np.isfinite(sampled.bootstrap[:, k])) >= 0.99
    ]
    n = sampled.clusters
    if len(held) < 2 or n < 2:
        return Estimate(None, method=METHOD)
    influence = (n - 1) * (sampled.estimate[held] - sampled.jackknife[:, held])
    influence = influence - sampled.draw.times @ influence / n
    apart = influence - influence.mean(axis=1, keepdims=True)
    noise = float(sampled.draw.times @ np.sum(apart**2, axis=1) / (n * (n - 1)) / (len(held) - 1))
    drawn = sampled.bootstrap[:, held]
    drawn = np.var(drawn[np.isfinite(drawn).all(axis=1)], axis=1, ddof=1) - 2 * noise
    value = float(np.var(sampled.estimate[held], ddof=1)) - noise
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    return Estimate(value, None, float(min(low, value)), float(max(high, value)), f"{METHOD}, B={len(drawn)}")
