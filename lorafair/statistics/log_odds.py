"""Log-odds of rates: the second scale on which a change of fairness has to show.

A risk difference between groups shrinks when every group's odds are halved; the difference of their log-odds does not.
The logit is taken of ``(N r + 1/2) / (N + 1)`` with N documents behind the rate (Haldane 1956, Anscombe 1956), so that
it is finite for a rate of 0 or 1; the shift is of order 1/N.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lorafair.statistics.correction import adjust_holm
from lorafair.statistics.interval import Estimate, estimate_family
from lorafair.statistics.resample import Sampled
from lorafair.statistics.studentised import Part, Studentised, combine, take_part
from lorafair.statistics.table import Floats


def take_log_odds(sampled: Sampled, key: str, documents: float, sign: float = 1.0) -> Part:
    """The term ``sign * logit(theta[key])``; ``documents`` is N, the number behind the rate."""
    k = sampled.keys.index(key)
    at, drawn = sampled.estimate[k], sampled.bootstrap[:, k]
    n = documents * (sampled.weights @ sampled.mass[:, k]) / sampled.clusters
    value, slope = _transform(np.array([at]), np.array([documents]))
    values, slopes = _transform(drawn, n)
    raw = take_part(sampled, key)
    return replace(
        raw,
        value=float(sign * value[0]),
        moved=sign * (values - value[0]),
        slope=float(sign * slope[0]),
        slopes=sign * slopes,
    )


def compare_log_odds(sampled: tuple[Sampled, ...], attribute: str, name: str, n: int, n_rest: int) -> Studentised:
    """Log-odds ratio of a group to its rest; of two models, the difference of theirs (first minus second).

    Args:
        sampled: one model's, or two models' over the same documents.
        n: documents of the group, ``n_rest`` of the rest.
    """
    parts = []
    for sign, one in zip((1.0, -1.0), sampled, strict=False):
        parts.append(take_log_odds(one, f"group:{attribute}={name}", n, sign))
        parts.append(take_log_odds(one, f"rest:{attribute}={name}", n_rest, -sign))
    return combine(parts, sampled[0].weights)


def compare_changes(
    pair: tuple[Sampled, Sampled], attribute: str, name: str, documents: Mapping[str, int]
) -> Studentised:
    """How a group's odds changed, against the change that the other groups have in common, in logs.

    ``log(odds of r_m / odds of r_b) - log(OR)``, with r_m and r_b the group's rates of model and base and OR Mantel and
    Haenszel's (1959) common odds ratio over the other groups k of N_k documents,
    ``(1/2 + sum N_k r_mk (1 - r_bk)) / (1/2 + sum N_k r_bk (1 - r_mk))``.  Where all odds changed by one factor this is
    0, however far apart the groups were; the log-odds of all other groups thrown together would not be.

    Args:
        pair: (model, base) over the same documents.
        documents: group -> N, of every group of the attribute that has documents.

    Returns:
        without resamples; ``unseen`` is the half hits' part of the variance.
    """
    rate = [{g: one.keys.index(f"group:{attribute}={g}") for g in documents} for one in pair]
    at = [{g: float(one.estimate[k]) for g, k in keys.items()} for one, keys in zip(pair, rate, strict=True)]
    known = {
        g for g in documents if all(np.isfinite(o.jackknife[:, k[g]]).all() for o, k in zip(pair, rate, strict=True))
    }
    others = [g for g in documents if g != name and g in known]  # not those of a single cluster
    rose = 0.5 + sum(documents[g] * at[0][g] * (1 - at[1][g]) for g in others)
    fell = 0.5 + sum(documents[g] * at[1][g] * (1 - at[0][g]) for g in others)
    n = float(documents[name])
    (value, other), own = _transform(np.array([at[0][name], at[1][name]]), np.array([n, n]))
    slopes = [{name: float(own[0])}, {name: -float(own[1])}]
    for g in others:
        slopes[0][g] = -documents[g] * ((1 - at[1][g]) / rose + at[1][g] / fell)
        slopes[1][g] = documents[g] * (at[0][g] / rose + (1 - at[0][g]) / fell)
    clusters = pair[0].clusters
    z = np.zeros(clusters)
    for one, keys, slope in zip(pair, rate, slopes, strict=True):
        for g, k in keys.items():
            z += slope[g] * (clusters - 1) * (one.estimate[k] - one.jackknife[:, k])
    total = float(value - other) - float(np.log(rose / fell))
    unseen = float(0.5 * np.sum((own / n) ** 2) + 0.5 * (rose**-2 + fell**-2))
    if clusters < 2 or not np.isfinite(z).all():
        return Studentised(total, np.nan, np.empty(0), False, np.empty(0), unseen)
    se = float(np.sqrt(np.sum((z - z.mean()) ** 2) / (clusters * (clusters - 1))))
    return Studentised(total, se, np.empty(0), False, z, unseen)


def assess_change(found: Studentised, clusters: int) -> Estimate:
    """The change with a two-sided p: t with ``clusters - 1`` degrees of freedom and Gart's (1966) error.

    No bootstrap: its tails are too heavy where there are few hits (a resample that loses the only one lies far off with
    hardly any error of its own), and too light where a group has none.
    """
    from scipy.stats import t

    if not np.isfinite(found.se) or clusters < 2:
        return Estimate(found.value if np.isfinite(found.value) else None)
    error = float(np.hypot(found.se, np.sqrt(found.unseen)))
    return Estimate(found.value, error, p=float(2 * t.sf(abs(found.value) / error, clusters - 1)))


def estimate_shares(
    sampled: Sampled, keys: Mapping[str, str], documents: Mapping[str, int], *, clusters: int, alpha: float = 0.05
) -> dict[str, Estimate]:
    """Simultaneous intervals of rates, made in log-odds by bootstrap-t and turned back.

    Symmetric intervals of a rate far from one half are wrong on both sides; in log-odds their ends stay in [0, 1] and
    lie where the rate's distribution is.

    Args:
        sampled: one model's.
        keys: name -> key; ``documents``: name -> number behind the rate.
        clusters: for the words of the method.

    Returns:
        name -> the rate, its standard error and interval; value and error only where bootstrap-t does not serve.
    """
    few = {name: documents[name] for name in keys if documents[name]}
    found = {n: combine([take_log_odds(sampled, keys[n], size)], sampled.weights) for n, size in few.items()}
    done = estimate_family(found, clusters=clusters, alpha=alpha)
    result = {}
    for name, key in keys.items():
        rate = float(sampled.estimate[sampled.keys.index(key)])
        if name not in done or not np.isfinite(rate):
            result[name] = Estimate(rate if np.isfinite(rate) else None)
            continue
        one, n = done[name], few[name]
        slope = float(_transform(np.array([rate]), np.array([float(n)]))[1][0])
        result[name] = Estimate(rate, None if one.se is None else one.se / slope)
        if one.low is not None and one.high is not None:
            ends = _turn_back(one.low, n), _turn_back(one.high, n)
            result[name] = replace(result[name], low=ends[0], high=ends[1], method=f"{one.method}, in log-odds")
    return result


def _turn_back(value: float, n: float) -> float:
    """The rate whose corrected logit over ``n`` documents is ``value``."""
    return float(np.clip(((n + 1) / (1 + np.exp(-value)) - 0.5) / n, 0.0, 1.0))


def confirm(difference: Estimate, log_odds: Estimate | None) -> float:
    """p of the second scale's confirmation of a contrast's change: 1 where it points the other way.

    "No change of fairness" is true when the contrast stayed the same on either scale; rejecting it when both tests
    reject, in the same direction, has at most the level of each (an intersection-union test, Berger 1982).  The risk
    difference is tested on two sides and gives the direction, so that the log-odds are tested on one: half the group's
    own two-sided p.  0 without log-odds: a metric that is no rate.
    """
    if log_odds is None or log_odds.p is None:
        return 0.0
    same = (log_odds.value or 0.0) * (difference.value or 0.0) > 0
    return log_odds.p / 2 if same else 1.0


def confirm_groups(differences: Mapping[str, Estimate], log_odds: Mapping[str, Estimate]) -> dict[str, float]:
    """:func:`confirm` of every group, by Holm over the groups of an attribute; the two of a pair ask one question.

    Where all groups' odds fell alike every risk difference may be certain, and then each group is one more chance of a
    false confirmation.  Holm, not max-T: groups with hardly any hit do not decide how certain the others have to be.
    """
    each = {name: confirm(one, log_odds.get(name)) for name, one in differences.items()}
    return each if len(each) == 2 else {name: p for name, (p, _) in adjust_holm(each).items()}


def join_scales(difference: Estimate, log_odds: Estimate | None) -> Estimate:
    """A contrast's estimate whose ``p_max`` asks for the change on both scales."""
    if difference.p_max is None:
        return difference
    return replace(difference, p_max=max(difference.p_max, confirm(difference, log_odds)))


def _transform(rate: Floats, n: Floats) -> tuple[Floats, Floats]:
    """The corrected logit and its slope in ``rate``."""
    share = (n * rate + 0.5) / (n + 1)
    return np.log(share / (1 - share)), n / (n + 1) / (share * (1 - share))
