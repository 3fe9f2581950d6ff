"""Studentised cluster bootstrap of a smooth combination of estimands: ``theta = sum_p sign_p g_p(r_p)``.

Each ``r_p`` is a ratio of sums over clusters, such as a rate, and ``g_p`` is the identity or, for log-odds, the logit
(:mod:`lorafair.statistics.log_odds`).  With jackknife influence values ``u_c = (C-1)(r - r_without_c)`` over C clusters
``theta`` has the influence ``z_c = sum_p sign_p g_p'(r_p) u_pc`` and the standard error
``se^2 = sum_c (z_c - mean z)^2 / (C (C-1))``.  In a resample with cluster weights ``W_c`` the same sum is taken with
the weights ``W_c`` and with ``(u_c - (r*_b - r) m_c) / M_b`` in place of ``u_c`` and the slope at ``r*_b``, where
``m_c`` is the cluster's share of the documents over its mean and ``M_b`` its mean in the resample.  For a ratio of sums
that is the ratio's influence in the resample.  Then ``t*_b = (theta*_b - theta) / se*_b``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lorafair.statistics.resample import Sampled
from lorafair.statistics.table import Floats

FLAT = 0.1  # below this share of the sample's own, a resample's standard error is what rounding leaves: it has none
DEGENERATE = 0.01  # share of resamples without a standard error above which bootstrap-t is not used


@dataclass(frozen=True)
class Studentised:
    """theta, its standard error and the (B,) studentised resamples; ``usable`` unless too many have no error.

    ``influence`` (C,) holds ``z_c``; empty where there is no standard error.  ``unseen``: variance that the clusters do
    not show, of log-odds (:func:`lorafair.statistics.log_odds.compare_log_odds`).
    """

    value: float
    se: float
    t: Floats
    usable: bool
    influence: Floats
    unseen: float = 0.0


@dataclass(frozen=True)
class Part:
    """One term ``sign * g(r)``: all arrays carry the sign and the slope that the docstring of this file names.

    ``value``: the term; ``moved`` (B,): the term in each resample minus ``value``; ``influence`` (C,): raw ``u_c`` of
    ``r``; ``shift`` (B,): raw ``r*_b - r``; ``mass`` (C,): ``m_c``; ``slope``: ``sign g'(r)``; ``slopes`` (B,): in each
    resample.
    """

    value: float
    moved: Floats
    influence: Floats
    shift: Floats
    mass: Floats
    slope: float
    slopes: Floats


def take_part(sampled: Sampled, key: str, sign: float = 1.0) -> Part:
    """The term ``sign * theta[key]``, without a transformation."""
    k = sampled.keys.index(key)
    shift = sampled.bootstrap[:, k] - sampled.estimate[k]
    return Part(
        float(sign * sampled.estimate[k]),
        sign * shift,
        (sampled.clusters - 1) * (sampled.estimate[k] - sampled.jackknife[:, k]),
        shift,
        sampled.mass[:, k],
        sign,
        np.full(len(shift), sign),
    )


def studentise(sampled: Sampled, key: str, minus: str | None = None) -> Studentised:
    """The studentised bootstrap distribution of ``theta[key] - theta[minus]`` (of ``theta[key]`` without ``minus``)."""
    parts = [take_part(sampled, key)] + ([take_part(sampled, minus, -1.0)] if minus else [])
    return combine(parts, sampled.weights)


def combine(parts: Sequence[Part], weights: Floats) -> Studentised:
    """Studentise the sum of the parts; all are over the same C clusters and the same (B, C) resamples."""
    n = weights.shape[1]
    value = float(sum(part.value for part in parts))
    unusable = Studentised(value, np.nan, np.empty(0), False, np.empty(0))
    if n < 2 or not np.isfinite(value):
        return unusable
    total = np.sum([part.slope * part.influence for part in parts], axis=0)
    se = float(np.sqrt(np.sum((total - total.mean()) ** 2) / (n * (n - 1))))
    if not np.isfinite(se):
        return unusable
    columns = np.column_stack([part.influence for part in parts] + [part.mass for part in parts])
    size = weights @ columns[:, len(parts) :] / n
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(size > 0, np.column_stack([part.slopes for part in parts]) / size, np.nan)
    shift = np.column_stack([part.shift for part in parts])
    factors = np.column_stack([scale, -scale * shift])  # z_bc = factors_b . columns_c
    i, j = np.triu_indices(columns.shape[1])
    means = weights @ columns / n
    products = weights @ (columns[:, i] * columns[:, j]) / n
    twice = np.where(i == j, 1.0, 2.0)
    variance = ((factors[:, i] * factors[:, j]) * (products - means[:, i] * means[:, j])) @ twice
    error = np.sqrt(np.maximum(variance, 0.0) / (n - 1))
    moved = np.sum([part.moved for part in parts], axis=0)
    flat = ~(error > max(FLAT * se, 1e-9 * max(1.0, abs(value))))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(flat, np.where(np.abs(moved) < 1e-12, 0.0, np.inf), moved / error)
    t[np.isnan(t)] = np.inf
    usable = bool(se > 1e-9 and np.mean(flat | np.isinf(t)) <= DEGENERATE)
    return Studentised(value, se, t, usable, total)
