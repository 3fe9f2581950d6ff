"""The audit for gerrymandering: is some combination of groups worse off, though no group by itself is?

Kearns, Neel, Roth and Wu 2018, "Preventing fairness gerrymandering": here all conjunctions up to a depth are looked at,
and the interval of the worst holds for all of them together (max-T over subgroups, bootstrap-t by clusters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.grouping import sum_clusters
from lorafair.statistics.resample import draw_weights
from lorafair.statistics.table import Floats, Table

Members = Mapping[str, NDArray[np.bool_]]
Names = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Subgroup:
    """People who are in all of some groups.

    ``groups``: (attribute, name) of each; ``level``: mean of ``y``; ``contrast``: minus that of everybody else, with a
    simultaneous interval and ``p`` over all subgroups (None where no resample has a standard error).
    """

    groups: tuple[tuple[str, str], ...]
    n: int
    clusters: int
    level: float
    contrast: float
    low: float | None
    high: float | None
    p: float | None

    @property
    def name(self) -> str:
        """``race=Black, gender=female``."""
        return ", ".join(f"{attribute}={name}" for attribute, name in self.groups)


def list_subgroups(
    groups: Members, names: Names, depth: int
) -> list[tuple[tuple[tuple[str, str], ...], NDArray[np.bool_]]]:
    """Every conjunction of at most ``depth`` groups of different attributes, with its members (n,); alike ones once."""
    found, seen = [], set[bytes]()
    for size in range(1, depth + 1):
        for attributes in combinations(groups, size):
            for chosen in product(*(range(len(names[a])) for a in attributes)):
                columns = [groups[a][:, k] for a, k in zip(attributes, chosen, strict=True)]
                member = np.logical_and.reduce(columns)
                key = np.packbits(member).tobytes()
                if member.any() and key not in seen:
                    seen.add(key)
                    found.append((tuple((a, names[a][k]) for a, k in zip(attributes, chosen, strict=True)), member))
    return found


def audit_subgroups(
    table: Table,
    *,
    higher_is_better: bool,
    depth: int = 2,
    min_n: int = 30,
    min_clusters: int = 10,
    alpha: float = 0.05,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Subgroup]:
    """All subgroups that are large enough, the worst first.

    The standard error of a contrast of means ``A/N - P/Q`` (sums over clusters c) is
    ``se^2 = C/(C-1) sum_c u_c^2`` with ``u_c = (A_c - r N_c)/N - (P_c - q Q_c)/Q``; in a resample the same with its own
    weights, rates and sizes.  The interval is ``contrast +- q se``, ``q`` the quantile of ``max_s |t*_s|``.

    Args:
        table: ``y`` (n,), a per-document value of a model, or the difference of two models' (then a contrast is a
            change); ``cluster``; ``groups`` and ``names`` of several attributes.
        higher_is_better: which end is the worse one.
        depth: largest number of groups in a conjunction.
        min_n: documents that a subgroup and its complement need; ``min_clusters`` likewise.
        alpha: of all intervals together.
        resamples: B.
        seed: of the resamples.

    Returns:
        empty where no subgroup is large enough.
    """
    clusters = table.clusters
    subgroups = [
        (key, member)
        for key, member in list_subgroups(table.groups, table.names, depth)
        if min(table.count[member].sum(), table.count[~member].sum()) >= min_n
        and min(len(np.unique(table.cluster[member])), len(np.unique(table.cluster[~member]))) >= min_clusters
    ]
    if not subgroups:
        return []
    member = np.column_stack([each for _, each in subgroups]).astype(np.float64)
    ones = np.ones(len(table.y))
    whole = [sum_clusters(each[:, None], table) for each in (table.y, ones)]
    inside = [sum_clusters(member * each[:, None], table) for each in (table.y, ones)]
    drawn = np.vstack([np.ones((1, clusters)), draw_weights(clusters, resamples, seed)])
    contrast, error = _contrast(drawn, inside[0], inside[1], whole[0] - inside[0], whole[1] - inside[1])
    theta, se = contrast[0], error[0]
    usable = se > 1e-12
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(contrast[1:] - theta) / error[1:]
        size = np.abs(theta) / se
    t[~np.isfinite(t)] = np.inf  # a resample that lost the subgroup, or all its variation, is as far off as can be
    top = t[:, usable].max(axis=1, initial=0.0)
    quantile = float(np.sort(top)[min(resamples, int(np.ceil((1 - alpha) * (resamples + 1)))) - 1])
    bounded = usable & np.isfinite(quantile)
    found = [
        Subgroup(
            key,
            int(table.count[rows].sum()),
            len(np.unique(table.cluster[rows])),
            float(np.average(table.y[rows], weights=table.count[rows])),
            float(theta[s]),
            float(theta[s] - quantile * se[s]) if bounded[s] else None,
            float(theta[s] + quantile * se[s]) if bounded[s] else None,
            float((1 + np.sum(top >= size[s])) / (resamples + 1)) if bounded[s] else None,
        )
        for s, (key, rows) in enumerate(subgroups)
    ]
    return sorted(found, key=lambda one: one.contrast if higher_is_better else -one.contrast)


def _contrast(w: Floats, a: Floats, n: Floats, p: Floats, q: Floats) -> tuple[Floats, Floats]:
    """(B, S) contrasts ``sum w a / sum w n - sum w p / sum w q`` and their standard errors, weights (B, C)."""
    clusters = w.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        inside, outside = w @ n, w @ q
        r, o = (w @ a) / inside, (w @ p) / outside
        own = (w @ (a * a) - 2 * r * (w @ (a * n)) + r * r * (w @ (n * n))) / inside**2
        rest = (w @ (p * p) - 2 * o * (w @ (p * q)) + o * o * (w @ (q * q))) / outside**2
        both = (w @ (a * p) - o * (w @ (a * q)) - r * (w @ (n * p)) + r * o * (w @ (n * q))) / (inside * outside)
        variance = np.maximum(own + rest - 2 * both, 0.0) * clusters / (clusters - 1)
        return r - o, np.sqrt(variance)
