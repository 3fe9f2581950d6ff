"""Areas under ROC curves compared: of two models on the same documents, of a group and the rest, and of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lorafair.statistics.interval import FEW_CLUSTERS, Estimate
from lorafair.statistics.roc import ONE_CLUSTER, Area, bound_area, covary
from lorafair.statistics.table import Floats

Terms = Sequence[tuple[float, Area]]
"""A weighted sum of areas over the same clusters; ``[(1, a), (-1, b)]`` is a difference."""
DRAWS = 20_000
"""Of the maximum of several t, for simultaneous intervals."""
NOTHING = "not estimable: no members, or no non-members, on one side"
STILL = "no interval: nothing varies"


def compare_areas(family: Mapping[str, Terms | None], alpha: float = 0.05) -> dict[str, Estimate]:
    """Weighted sums of areas, with intervals that hold together over the family.

    Standard errors are from DeLong's covariance in Obuchowski's form for clusters (:mod:`lorafair.statistics.roc`),
    which pairs two models over the same documents; of two scores of documents that are all independent that is the test
    of DeLong, DeLong and Clarke-Pearson (1988).  Intervals are t intervals on the areas' own scale, of as many degrees
    of freedom as the smallest side of any area has clusters, less one; several are simultaneous, by the quantile of the
    maximum of a multivariate t of the estimated correlation (max-T).  An area of 0 or 1 does not vary in the data,
    which is no certainty: differences with one are bounded from each area's own interval (Zou and Donner 2008), as if
    they were independent, which is conservative for two models of the same documents; these have no p.

    Args:
        family: name -> what is estimated; None where an area is not estimable.
        alpha: the intervals hold together at ``1 - alpha``.

    Returns:
        Of each name the value with ``p`` (by itself) and ``p_max`` (over the family).  Without an interval where a side
        has one cluster or nothing varies.
    """
    found = {name: Estimate(None, method=NOTHING) for name in family}
    usable: list[str] = []
    for name, terms in family.items():
        if terms is None:
            continue
        value = float(sum(weight * area.value for weight, area in terms))
        if min(min(area.sides) for _, area in terms) < 2:
            found[name] = Estimate(value, method=ONE_CLUSTER)
        elif not all(0 < area.value < 1 for _, area in terms):
            found[name] = _bound_apart(terms, value, alpha / len(family))
        elif (se := float(np.sqrt(max(_covary(terms, terms), 0.0)))) < 1e-12:
            found[name] = Estimate(value, 0.0, method=STILL)
        else:
            df = float(min(min(area.sides) for _, area in terms) - 1)
            found[name] = Estimate(value, se, df=df)
            usable.append(name)
    return found | _bound_together({name: (family[name] or (), found[name]) for name in usable}, len(family), alpha)


def _covary(one: Terms, other: Terms) -> float:
    return sum(a * b * covary(mine, theirs) for a, mine in one for b, theirs in other)


def _bound_together(usable: Mapping[str, tuple[Terms, Estimate]], family: int, alpha: float) -> dict[str, Estimate]:
    """Those with a standard error, with intervals and p values; the others of the family leave them their share."""
    from scipy.stats import t

    if not usable:
        return {}
    share = len(usable) / family
    terms = [each for each, _ in usable.values()]
    se = np.array([one.se for _, one in usable.values()])
    df = min(one.df or 1.0 for _, one in usable.values())
    top: Floats | None = None
    if len(usable) > 1:
        top = _draw_maximum(np.array([[_covary(a, b) for b in terms] for a in terms]) / np.outer(se, se), df)
        quantile = float(np.quantile(top, 1 - alpha * share, method="higher"))
    else:
        quantile = float(t.ppf(1 - alpha * share / 2, df))
    done = {}
    for name, (each, one) in usable.items():
        value, own = one.value or 0.0, one.se or 1.0
        size, most = abs(value) / own, _reach(each)
        p = float(2 * t.sf(size, one.df or 1.0))
        p_max = p if top is None else float((1 + np.sum(top >= size)) / (len(top) + 1))
        sides = min((area.sides for _, area in each), key=min)
        few = " (few clusters)" if min(sides) < FEW_CLUSTERS else ""
        over = f", max-T over {family} groups" if family > 1 else ""
        method = f"DeLong-Obuchowski covariance, t, {sides[0]} and {sides[1]} clusters{few}{over}"
        low, high = max(-most, value - quantile * own), min(most, value + quantile * own)
        done[name] = Estimate(value, own, low, high, method, p, min(1.0, p_max / share), df=one.df)
    return done


def _draw_maximum(correlation: Floats, df: float) -> Floats:
    """Draws of the largest ``|t|`` of multivariate t; the correlation may be singular, two groups mirror each other."""
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    draw = np.random.default_rng(0)
    z = draw.standard_normal((DRAWS, len(values))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    return np.asarray(np.abs(z).max(axis=1) / np.sqrt(draw.chisquare(df, DRAWS) / df), dtype=np.float64)


def _bound_apart(terms: Terms, value: float, alpha: float) -> Estimate:
    """Zou and Donner's (2008) bounds of a sum, from the intervals of its terms as if they were independent."""
    below = above = 0.0
    for weight, area in terms:
        one = bound_area(area, alpha)
        low, high = sorted(weight * end for end in (one.low or 0.0, 1.0 if one.high is None else one.high))
        below += (weight * area.value - low) ** 2
        above += (high - weight * area.value) ** 2
    most, clusters = _reach(terms), min(min(area.sides) for _, area in terms)
    few = " (few clusters)" if clusters < FEW_CLUSTERS else ""
    method = f"bounds of each area, Zou-Donner, {clusters} clusters{few}"
    return Estimate(value, None, max(-most, value - below**0.5), min(most, value + above**0.5), method)


def _reach(terms: Terms) -> float:
    """The largest that a sum can be whose positive and negative weights cancel."""
    return sum(abs(weight) for weight, _ in terms) / 2
