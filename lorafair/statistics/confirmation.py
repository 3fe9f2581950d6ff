"""How a group's odds changed against what the others' did in common, which confirms a verdict on fairness.

A change of a risk difference is confirmed in log-odds: see :func:`compare_changes` for what is compared,
:func:`assess_change` for its p value and :func:`confirm_groups` for the correction over the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.correction import adjust_holm
from lorafair.statistics.interval import Estimate
from lorafair.statistics.log_odds import take_logit
from lorafair.statistics.resample import Sampled
from lorafair.statistics.studentised import Studentised
from lorafair.statistics.table import Floats


def compare_changes(
    pair: tuple[Sampled, Sampled], attribute: str, names: Sequence[str], documents: Mapping[str, int]
) -> dict[str, Studentised]:
    """How each group's odds changed, against the change that the other groups have in common, in logs.

    ``log(odds of r_m / odds of r_b) - log(OR)``, with r_m and r_b the group's rates of model and base and OR Mantel and
    Haenszel's (1959) common odds ratio over the other groups k of N_k documents,
    ``(1/2 + sum N_k r_mk (1 - r_bk)) / (1/2 + sum N_k r_bk (1 - r_mk))``.  Where all odds changed by one factor this is
    0, however far apart the groups were; the log-odds of all other groups thrown together would not be.

    Args:
        pair: (model, base) over the same documents.
        names: of G groups that are asked about.
        documents: group -> N, of every group of the attribute that has documents, K of them.

    Returns:
        group -> without resamples; ``unseen`` is the half hits' part of the variance.
    """
    groups = tuple(documents)
    own, ((at, up), (before, down)) = (
        [groups.index(name) for name in names],
        (_take_levels(one, attribute, groups) for one in pair),
    )
    size = np.array([float(documents[g]) for g in groups])
    whole = np.isfinite(up).all(axis=0) & np.isfinite(down).all(axis=0)  # not groups of a single cluster
    others = (whole & ~np.eye(len(groups), dtype=bool)[own]).astype(np.float64)  # (G, K)
    known = np.where(whole, at, 0.0), np.where(whole, before, 0.0)
    rose = 0.5 + others @ (size * known[0] * (1 - known[1]))
    fell = 0.5 + others @ (size * known[1] * (1 - known[0]))
    logit, slope = take_logit(np.stack([at[own], before[own]]), size[own])
    total = logit[0] - logit[1] - np.log(rose / fell)
    unseen = 0.5 * np.sum((slope / size[own]) ** 2, axis=0) + 0.5 * (rose**-2 + fell**-2)
    n, times = pair[0].clusters, pair[0].draw.times
    z = slope[0] * up[:, own] - slope[1] * down[:, own]
    z -= np.where(whole, up, 0.0) @ _weigh(others * size, known[1], rose, fell)
    z += np.where(whole, down, 0.0) @ _weigh(others * size, known[0], fell, rose)
    found = {}
    for k, name in enumerate(names):
        if n < 2 or not np.isfinite(z[:, k]).all():
            found[name] = Studentised(float(total[k]), np.nan, np.empty(0), False, np.empty(0), float(unseen[k]))
            continue
        se = float(np.sqrt(times @ (z[:, k] - times @ z[:, k] / n) ** 2 / (n * (n - 1))))
        found[name] = Studentised(float(total[k]), se, np.empty(0), False, z[:, k], float(unseen[k]))
    return found


def _weigh(size: Floats, rate: Floats, toward: Floats, away: Floats) -> Floats:
    """(K, G) slopes of the common odds ratio: of K groups of which G times some are weighed."""
    return (size * ((1 - rate) / toward[:, None] + rate / away[:, None])).T


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
    from scipy.special import stdtr

    if not np.isfinite(found.se) or clusters < 2:
        return Estimate(found.value if np.isfinite(found.value) else None)
    error = float(np.hypot(found.se, np.sqrt(found.unseen)))
    return Estimate(found.value, error, p=float(2 * stdtr(clusters - 1, -abs(found.value) / error)))


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
