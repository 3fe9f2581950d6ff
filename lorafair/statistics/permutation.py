"""Studentised permutation tests by whole clusters (Chung and Romano 2013): p values that need no resampled error.

Two models: under "no difference" the answers of both to a cluster may be swapped.  The metric is asked once about both
models' stacked tables with complementary rows of weights.  Groups: under "equal rates" the groups of whole clusters may
be swapped, where every cluster belongs to one group.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lorafair.statistics.resample import Sampled
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import studentise
from lorafair.statistics.summary import Summary
from lorafair.statistics.table import Floats, Metric, Table

_CHUNK = 4_000_000  # cells of a weight matrix held at a time


def permute_pair(
    summary: Summary,
    metric: Metric,
    tables: tuple[Table, Table],
    sampled: tuple[Sampled, Sampled],
    settings: Settings,
) -> Summary:
    """The summary of a paired difference with permutation p values for its level and contrasts.

    With jackknife values ``P_c`` of the difference (its mean is the difference) a swap of cluster c turns the sign of
    ``P_c``; ``t`` is the permuted difference over the standard error of the signed values.  ``p_max`` counts
    permutations whose largest ``|t|`` over the claimed groups of the attribute is at least the group's own.

    Args:
        summary: of the difference, by the bootstrap: its intervals stay.
        tables: both models' documents, in the same order; ``sampled``: of each.
        settings: seed and number of permutations (``resamples``).
    """
    one, other = tables
    rng = np.random.default_rng([settings.seed, 2])
    swaps = rng.integers(0, 2, (settings.resamples, one.clusters)).astype(np.float64)
    swaps = np.vstack([np.ones((1, one.clusters)), swaps])
    stacked, rest = _stack(one, other), _stack(one.rest(), other.rest())
    moved, moved_rest = _permute(metric, stacked, swaps), _permute(metric, rest, swaps)
    difference = sampled[0].minus(sampled[1]).first()

    def scale(key: str, minus: str | None, values: Floats) -> Floats:
        found = studentise(difference, key, minus)
        if not len(found.influence):
            return np.full(len(values), np.nan)
        signed = (2 * swaps - 1) * (found.value + found.influence - found.influence.mean())
        n = signed.shape[1]
        error = np.sqrt(signed.var(axis=1) / (n - 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.abs(np.where(np.abs(values) < 1e-12, 0.0, values / error)), dtype=np.float64)

    level = scale("overall", None, moved["overall"])
    done = replace(summary, overall=replace(summary.overall, p=_rank(level, level)), contrasts={})
    for attribute, contrasts in summary.contrasts.items():
        each = {}
        for name in contrasts:
            key = f"group:{attribute}={name}"
            each[name] = scale(key, f"rest:{attribute}={name}", moved[key] - moved_rest[key])
        claimed = [name for name in each if summary.carries_claim(settings, attribute, name)]
        top = np.max([each[name] for name in claimed], axis=0) if claimed else np.empty(0)
        done.contrasts[attribute] = {
            name: replace(
                old,
                p=_rank(each[name], each[name]),
                p_max=_rank(each[name], top if name in claimed else each[name]),
                method=f"{old.method}; p by permutation of whole clusters",
            )
            if old.low is not None
            else old
            for name, old in contrasts.items()
        }
    return done


def permute_groups(table: Table, attribute: str, settings: Settings) -> float | None:
    """p of equal rates over the groups of an attribute: the largest ``|t|`` of a group against its rest.

    ``t`` is the difference of two ratios of sums over their cluster-robust standard error
    ``sum_c (S_c - r n_c)^2 / n^2 C / (C - 1)`` in each of the two, so that groups may differ in spread and size.

    Returns:
        None where a cluster holds documents of several groups, or a group has fewer than two clusters.
    """
    member, names = table.groups[attribute], table.names[attribute]
    inside = member.any(axis=1)
    cluster = np.unique(table.cluster[inside], return_inverse=True)[1]
    weight, y, member = table.count[inside], table.y[inside], member[inside]
    clusters = int(cluster.max(initial=-1)) + 1
    pattern = np.zeros((clusters, len(names)), dtype=bool)
    pattern[cluster] = member
    counts = pattern.sum(axis=0)
    alike = bool((pattern[cluster] == member).all() and (pattern.sum(axis=1) == 1).all())
    if not alike or len(names) < 2 or counts.min() < 2:
        return None
    size, total = (np.bincount(cluster, weights=w, minlength=clusters).astype(np.float64) for w in (weight, weight * y))
    rng = np.random.default_rng([settings.seed, 3])
    code = pattern.argmax(axis=1)
    drawn = np.vstack([code, *(rng.permutation(code) for _ in range(settings.resamples))])
    top = np.zeros(len(drawn))
    for k in range(len(names)):
        group = (drawn == k).astype(np.float64)
        (r, v), (q, u) = (_mean(w, total, size) for w in (group, 1 - group))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(np.abs(r - q) < 1e-12, 0.0, np.abs(r - q) / np.sqrt(v + u))
        top = np.maximum(top, t)
    return _rank(top, top)


def _mean(weights: Floats, total: Floats, size: Floats) -> tuple[Floats, Floats]:
    """(ratio of sums, its cluster-robust variance) for each row of (B, C) weights of 0 and 1."""
    n, c = weights @ size, weights.sum(axis=1)
    ratio = weights @ total / n
    squares = weights @ total**2 - 2 * ratio * (weights @ (total * size)) + ratio**2 * (weights @ size**2)
    return ratio, np.maximum(squares, 0) / n**2 * c / (c - 1)


def _rank(own: Floats, against: Floats) -> float:
    """``(1 + #{against_b >= own_0}) / (B + 1)`` over the permutations, row 0 being the observed one."""
    if not len(own) or np.isnan(own[0]):
        return 1.0
    return float((1 + np.sum(against[1:] >= own[0] * (1 - 1e-9))) / len(against))


def _stack(one: Table, other: Table) -> Table:
    return Table(
        np.concatenate([one.y, other.y]),
        np.concatenate([one.cluster, other.cluster]),
        {a: np.vstack([g, other.groups[a]]) for a, g in one.groups.items()},
        one.names,
        np.concatenate([one.count, other.count]),
    )


def _permute(metric: Metric, stacked: Table, swaps: Floats) -> dict[str, Floats]:
    """The metric of the first model minus that of the second after each row of swaps (1: as they are)."""
    half = len(stacked.y) // 2
    step = max(1, _CHUNK // max(1, len(stacked.y)))
    parts = []
    for at in range(0, len(swaps), step):
        kept = swaps[at : at + step][:, stacked.cluster]
        kept[:, half:] = 1 - kept[:, half:]
        first, second = (metric(stacked, w * stacked.count) for w in (kept, 1 - kept))
        parts.append({key: first[key] - second[key] for key in first})
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
