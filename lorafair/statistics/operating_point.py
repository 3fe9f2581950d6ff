"""How many positives a test finds when it may only be wrong about a given share of negatives."""

from __future__ import annotations

import math

import numpy as np

from lorafair.statistics.interval import Estimate
from lorafair.statistics.roc import Codes
from lorafair.statistics.table import Floats


def estimate_tpr(
    positive: Floats,
    negative: Floats,
    positive_cluster: Codes,
    negative_cluster: Codes,
    fpr: float,
    alpha: float = 0.05,
) -> Estimate:
    """True positive rate of the best threshold whose false positive rate is at most ``fpr`` (Carlini et al. 2022).

    The interval is distribution-free (Hilgers 1991): thresholds below and above which the false positive rate surely
    lies, from the beta distribution of order statistics of the negatives, and Clopper-Pearson bounds of the true
    positive rates there, a quarter of alpha each.  It is exact for independent documents and wide; documents in
    clusters count as Korn and Graubard's (1998) effective number.  With few negatives the lower bound is 0.

    Args:
        positive, negative: (m,), (n,) scores; higher means more likely a positive.
        positive_cluster, negative_cluster: (m,), (n,) codes.
        fpr: in (0, 1).

    Returns:
        Not estimable where one negative alone is more than ``fpr`` of them: its method then says what is needed.
    """
    m, n = len(positive), len(negative)
    needed = math.ceil(1 / fpr - 1e-9)
    if n < needed or not m:
        return Estimate(None, method=f"not estimable at this FPR: {needed} non-members needed, {n} there")
    falling = np.sort(negative)[::-1]
    threshold = falling[math.floor(fpr * n + 1e-9)]
    found = positive > threshold
    value = float(found.mean())
    size = count_effective(found, positive_cluster)
    other = count_effective(negative > threshold, negative_cluster)
    strict, loose = _bracket(n, other, fpr, alpha / 4)
    low = 0.0 if strict is None else _bound(float((positive > falling[strict]).mean()), size, alpha / 4)[0]
    high = 1.0 if loose is None else _bound(float((positive >= falling[loose]).mean()), size, alpha / 4)[1]
    numbers = f"{m} and {n} documents" if (size, other) == (m, n) else f"effectively {size:.0f} and {other:.0f}"
    return Estimate(value, None, min(low, value), max(high, value), f"Hilgers, distribution-free, {numbers}")


def count_effective(hit: Floats | np.ndarray, cluster: Codes) -> float:
    """How many independent documents tell as much about the mean of ``hit`` as these do (Korn and Graubard 1998).

    n over the design effect, adjusted for the degrees of freedom and at most n; the number of clusters where the
    design effect cannot be seen, because all are hits or none is.
    """
    from scipy.stats import t

    n = len(hit)
    _, codes = np.unique(cluster, return_inverse=True)
    clusters = int(codes.max()) + 1
    if clusters == n:
        return float(n)
    mean = float(np.mean(hit))
    if clusters < 2 or mean in (0.0, 1.0):
        return float(clusters)
    sums = np.bincount(codes, weights=np.asarray(hit, dtype=np.float64) - mean)
    variance = float((sums**2).sum()) * clusters / (clusters - 1) / n**2
    if not variance:
        return float(n)
    shrink = float(t.ppf(0.975, n - 1) / t.ppf(0.975, clusters - 1)) ** 2
    return min(float(n), mean * (1 - mean) / variance * shrink)


def _bracket(n: int, effective: float, fpr: float, error: float) -> tuple[int | None, int | None]:
    """Places in the falling order of n negatives: above the first the false positive rate is at most ``fpr``, from the
    second on at least that.

    Each with probability ``1 - error``; None where no order statistic is that sure.
    """
    from scipy.stats import beta

    place = np.arange(1, n + 1) * (effective / n)
    surely_below = beta.cdf(fpr, place, effective - place + 1) >= 1 - error
    surely_above = beta.sf(fpr, place, effective - place + 1) >= 1 - error
    strict = int(np.flatnonzero(surely_below)[-1]) if surely_below.any() else None
    loose = int(np.flatnonzero(surely_above)[0]) if surely_above.any() else None
    return strict, loose


def _bound(rate: float, n: float, error: float) -> tuple[float, float]:
    """One-sided Clopper-Pearson bounds, each wrong with probability ``error``; ``n`` may be fractional."""
    from scipy.stats import beta

    hits = rate * n
    low = 0.0 if hits <= 0 else float(beta.ppf(error, hits, n - hits + 1))
    high = 1.0 if hits >= n else float(beta.ppf(1 - error, hits + 1, n - hits))
    return low, high
