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
from lorafair.statistics.studentised import Part, Studentised, combine_all, take_part
from lorafair.statistics.table import Floats


def take_log_odds(sampled: Sampled, key: str, documents: float, sign: float = 1.0) -> Part:
    """The term ``sign * logit(theta[key])``; ``documents`` is N, the number behind the rate."""
    told = (sampled.draw.emptied, key, sign, documents)
    if told not in sampled.parts:
        sampled.parts[told] = _make_log_odds(sampled, key, documents, sign)
    part: Part = sampled.parts[told]
    return part


def _make_log_odds(sampled: Sampled, key: str, documents: float, sign: float) -> Part:
    k = sampled.keys.index(key)
    at, drawn = sampled.estimate[k], sampled.bootstrap[:, k]
    raw = take_part(sampled, key)
    n = documents * sampled.draw.mean(raw.places[1])
    value, slope = _transform(np.array([at]), np.array([documents]))
    values, slopes = _transform(drawn, n)
    return replace(
        raw,
        value=float(sign * value[0]),
        moved=sign * (values - value[0]),
        slope=float(sign * slope[0]),
        slopes=sign * slopes,
    )


def compare_log_odds(
    sampled: tuple[Sampled, ...], attribute: str, sizes: Mapping[str, tuple[int, int]]
) -> dict[str, Studentised]:
    """Log-odds ratios of groups to their rests; of two models, the difference of theirs (first minus second).

    Args:
        sampled: one model's, or two models' over the same documents.
        sizes: group -> its documents, those of its rest; groups where either is 0 are left out.
    """
    sums = {}
    for name, (n, rest) in sizes.items():
        if min(n, rest) > 0:
            keys = ((f"group:{attribute}={name}", n, 1.0), (f"rest:{attribute}={name}", rest, -1.0))
            sums[name] = [
                take_log_odds(one, key, size, sign * side)
                for side, one in zip((1.0, -1.0), sampled, strict=False)
                for key, size, sign in keys
            ]
    return dict(zip(sums, combine_all(list(sums.values()), sampled[0].draw), strict=True))


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
    groups = tuple(documents)
    own, (rates, apart) = groups.index(name), zip(*(_take_levels(one, attribute, groups) for one in pair), strict=True)
    size, at, before = np.array([float(documents[g]) for g in groups]), *rates
    alone = [~np.isfinite(influence).all(axis=0) for influence in apart]  # groups of a single cluster
    others = ~(alone[0] | alone[1]) & (np.arange(len(groups)) != own)
    rose = 0.5 + float(np.sum((size * at * (1 - before))[others]))
    fell = 0.5 + float(np.sum((size * before * (1 - at))[others]))
    logit, slope = _transform(np.array([at[own], before[own]]), np.full(2, size[own]))
    total = float(logit[0] - logit[1]) - float(np.log(rose / fell))
    unseen = float(0.5 * np.sum((slope / size[own]) ** 2) + 0.5 * (rose**-2 + fell**-2))
    n, times = pair[0].clusters, pair[0].draw.times
    z = slope[0] * apart[0][:, own] - slope[1] * apart[1][:, own]
    z -= apart[0][:, others] @ (size * ((1 - before) / rose + before / fell))[others]
    z += apart[1][:, others] @ (size * (at / rose + (1 - at) / fell))[others]
    if n < 2 or not np.isfinite(z).all():
        return Studentised(total, np.nan, np.empty(0), False, np.empty(0), unseen)
    se = float(np.sqrt(times @ (z - times @ z / n) ** 2 / (n * (n - 1))))
    return Studentised(total, se, np.empty(0), False, z, unseen)


def _take_levels(sampled: Sampled, attribute: str, groups: tuple[str, ...]) -> tuple[Floats, Floats]:
    """(G,) rates of groups and (T, G) their influences, made once for all groups that are asked about."""
    told = ("levels", attribute, groups)
    if told not in sampled.parts:
        keys = [sampled.keys.index(f"group:{attribute}={g}") for g in groups]
        at = sampled.estimate[keys]
        sampled.parts[told] = at, (sampled.clusters - 1) * (at - sampled.jackknife[:, keys])
    found: tuple[Floats, Floats] = sampled.parts[told]
    return found


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
    sampled: Sampled,
    keys: Mapping[str, str],
    documents: Mapping[str, int],
    made: dict[str, Studentised] | None = None,
    *,
    clusters: int,
    alpha: float = 0.05,
) -> dict[str, Estimate]:
    """Simultaneous intervals of rates, made in log-odds by bootstrap-t and turned back.

    Symmetric intervals of a rate far from one half are wrong on both sides; in log-odds their ends stay in [0, 1] and
    lie where the rate's distribution is.

    Args:
        sampled: one model's.
        keys: name -> key; ``documents``: name -> number behind the rate.
        made: key -> what was studentised before; the others are added.
        clusters: for the words of the method.

    Returns:
        name -> the rate, its standard error and interval; value and error only where bootstrap-t does not serve.
    """
    few = {name: documents[name] for name in keys if documents[name]}
    made = {} if made is None else made
    new = {keys[name]: size for name, size in few.items() if keys[name] not in made}
    sums = [[take_log_odds(sampled, key, size)] for key, size in new.items()]
    made.update(zip(new, combine_all(sums, sampled.draw), strict=True))
    done = estimate_family({name: made[keys[name]] for name in few}, clusters=clusters, alpha=alpha)
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
