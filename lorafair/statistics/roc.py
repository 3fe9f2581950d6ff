"""How well a score tells two kinds of documents apart: the area under the ROC curve, with intervals by clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.exact import bound_proportion
from lorafair.statistics.interval import FEW_CLUSTERS, Estimate
from lorafair.statistics.table import Floats

Codes = NDArray[np.intp]
ONE_CLUSTER = "no interval: one cluster"


@dataclass(frozen=True)
class Area:
    """An area under a ROC curve as its clusters make it.

    ``parts`` (2, clusters): what each cluster's positives, and its negatives, add: the sum of their placements less the
    area, over the number of all positives, or negatives.  ``holds`` (2, clusters): whether a cluster has any.
    """

    value: float
    parts: Floats
    holds: NDArray[np.bool_]

    @property
    def sides(self) -> tuple[int, int]:
        """How many clusters have positives, and how many negatives."""
        return int(self.holds[0].sum()), int(self.holds[1].sum())


def find_area(
    positive: Floats, negative: Floats, positive_cluster: Codes, negative_cluster: Codes, clusters: int | None = None
) -> Area | None:
    """The area under the ROC curve; None without a positive or a negative.

    Args:
        positive, negative: (m,), (n,) scores; higher means more likely a positive.
        positive_cluster, negative_cluster: (m,), (n,) codes; equal codes are one cluster, on both sides.
        clusters: how many codes there are, where areas of several kinds of documents are to be compared.
    """
    m, n = len(positive), len(negative)
    if not m or not n:
        return None
    above, below = place(positive, negative)
    value = float(above.mean())
    size = int(max(positive_cluster.max(), negative_cluster.max())) + 1 if clusters is None else clusters
    ours = np.bincount(positive_cluster, weights=above - value, minlength=size) / m
    theirs = np.bincount(negative_cluster, weights=below - value, minlength=size) / n
    counts = [np.bincount(each, minlength=size) for each in (positive_cluster, negative_cluster)]
    return Area(value, np.stack([ours, theirs]), np.stack(counts) > 0)


def covary(one: Area, other: Area) -> float:
    """Covariance of two areas over the same clusters: DeLong's (1988), in Obuchowski's (1997) form for clusters.

    Areas may be of two scores of the same documents, or of different documents of which some share a cluster.  Each sum
    of products over clusters is scaled by ``k / (k - 1)``, k the clusters that have documents in either factor.  Of an
    area with itself it is the variance.
    """
    total = 0.0
    for mine, here in zip(one.parts, one.holds, strict=True):
        for theirs, there in zip(other.parts, other.holds, strict=True):
            behind = int((here | there).sum())
            total += float(mine @ theirs) * behind / (behind - 1)
    return total


def estimate_auc(
    positive: Floats, negative: Floats, positive_cluster: Codes, negative_cluster: Codes, alpha: float = 0.05
) -> Estimate:
    """Area under the ROC curve: how likely a positive scores above a negative, ties counting half.

    The variance is DeLong, DeLong and Clarke-Pearson's (1988) from placements, in Obuchowski's (1997) form for
    clustered documents; the interval is made on the logit scale (Pepe 2003) with a t of as many degrees of freedom as
    the smaller side has clusters, less one.  Where nothing varies (all positives above all negatives) the smaller
    side's clusters are taken as that many draws of a proportion (Clopper-Pearson), which is conservative.

    Args:
        positive, negative, positive_cluster, negative_cluster: as of :func:`find_area`.
        alpha: the interval has level 1 - alpha.

    Returns:
        In [0, 1]; 0.5 tells nothing.  Without a positive or a negative not estimable, with one cluster on a side
        without an interval.
    """
    found = find_area(positive, negative, positive_cluster, negative_cluster)
    return Estimate(None) if found is None else bound_area(found, alpha)


def bound_area(found: Area, alpha: float = 0.05) -> Estimate:
    """One area with the interval of :func:`estimate_auc`."""
    value, sides = found.value, found.sides
    smaller = min(sides)
    if smaller < 2:
        return Estimate(value, method=ONE_CLUSTER)
    se = float(np.sqrt(max(covary(found, found), 0.0)))
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
