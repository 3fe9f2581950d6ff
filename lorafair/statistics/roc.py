"""How well a score tells two kinds of documents apart: the area under the ROC curve, with intervals by clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.exact import bound_proportion
from lorafair.statistics.interval import FEW_CLUSTERS, Estimate
from lorafair.statistics.table import Floats

Codes = NDArray[np.intp]


def estimate_auc(
    positive: Floats, negative: Floats, positive_cluster: Codes, negative_cluster: Codes, alpha: float = 0.05
) -> Estimate:
    """Area under the ROC curve: how likely a positive scores above a negative, ties counting half.

    The variance is DeLong, DeLong and Clarke-Pearson's (1988) from placements, in Obuchowski's (1997) form for
    clustered documents; the interval is made on the logit scale (Pepe 2003) with a t of as many degrees of freedom as
    the smaller side has clusters, less one.  Where nothing varies (all positives above all negatives) the smaller
    side's clusters are taken as that many draws of a proportion (Clopper-Pearson), which is conservative.

    Args:
        positive, negative: (m,), (n,) scores; higher means more likely a positive.
        positive_cluster, negative_cluster: (m,), (n,) codes; equal codes are one cluster, on both sides.
        alpha: the interval has level 1 - alpha.

    Returns:
        In [0, 1]; 0.5 tells nothing.  Without a positive or a negative not estimable, with one cluster on a side
        without an interval.
    """
    m, n = len(positive), len(negative)
    if not m or not n:
        return Estimate(None)
    above, below = place(positive, negative)
    value = float(above.mean())
    sides = len(np.unique(positive_cluster)), len(np.unique(negative_cluster))
    if min(sides) < 2:
        return Estimate(value, method="no interval: one cluster")
    clusters = int(max(positive_cluster.max(), negative_cluster.max())) + 1
    ours = np.bincount(positive_cluster, weights=above - value, minlength=clusters)
    theirs = np.bincount(negative_cluster, weights=below - value, minlength=clusters)
    variance = (ours**2).sum() * sides[0] / (sides[0] - 1) / m**2 + (theirs**2).sum() * sides[1] / (sides[1] - 1) / n**2
    together = len(np.union1d(positive_cluster, negative_cluster))
    variance += 2 * (ours * theirs).sum() * together / (together - 1) / (m * n)
    se = float(np.sqrt(max(variance, 0.0)))
    smaller = min(sides)
    few = " (few clusters)" if smaller < FEW_CLUSTERS else ""
    if se < 1e-12 or value <= 0 or value >= 1:
        low, high = bound_proportion(value * smaller, smaller, alpha)
        return Estimate(value, se, low, high, f"Clopper-Pearson bound, n = {smaller} clusters")
    from scipy.special import expit, logit
    from scipy.stats import t

    reach = float(t.ppf(1 - alpha / 2, smaller - 1)) * se / (value * (1 - value))
    low, high = (float(expit(logit(value) + sign * reach)) for sign in (-1, 1))
    method = f"DeLong-Obuchowski, logit, {sides[0]} and {sides[1]} clusters{few}"
    return Estimate(value, se, low, high, method, df=float(smaller - 1))


def place(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """Placements: of each positive the share of negatives below it, of each negative the share of positives above it.

    Ties count half; both have the same mean, the area under the curve.
    """
    from scipy.stats import rankdata

    m, n = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    return above, below
