"""Intervals and p values: symmetric bootstrap-t by clusters, max-T over a family, exact bounds where that has nothing.

An estimand ``theta`` is a level, a contrast of a group with its rest, or a paired difference of either.  With
jackknife influence values ``u_c = (C-1)(theta - theta_without_c)`` over C clusters its standard error is
``se^2 = sum_c (u_c - mean u)^2 / (C (C-1))``; in a resample with cluster weights ``W_c`` the same sum is taken with
the weights ``W_c`` and with ``(u_c - (theta*_b - theta) m_c) / M_b`` in place of ``u_c``, where ``m_c`` is the
cluster's share of the documents over its mean and ``M_b`` its mean in the resample.  For a ratio of sums, such as a
rate, that is the ratio's influence in the resample.  Then ``t*_b = (theta*_b - theta) / se*_b``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lorafair.statistics.resample import Sampled
from lorafair.statistics.table import Floats

FEW_CLUSTERS = 50
FLAT = 0.1  # below this share of the sample's own, a resample's standard error is what rounding leaves: it has none
DEGENERATE = 0.01  # share of resamples without a standard error above which bootstrap-t is not used


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty.  ``None`` is "not estimable"; ``p`` is two-sided, ``p_max`` over the family."""

    value: float | None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = "not estimable"
    p: float | None = None
    p_max: float | None = None

    @property
    def minimum_detectable(self) -> float | None:
        """``(z_.975 + z_.80) se``: found with 80% power at 5%, from the design and not from the observed effect."""
        return None if not self.se else (1.959963984540054 + 0.8416212335729143) * self.se

    def excludes_zero(self) -> int:
        """+1 if the interval lies above 0, -1 if below, 0 if it holds 0 or there is none."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


@dataclass(frozen=True)
class Studentised:
    """theta, its standard error and the (B,) studentised resamples; ``usable`` unless too many have no error."""

    value: float
    se: float
    t: Floats
    usable: bool


def studentise(sampled: Sampled, key: str, minus: str | None = None) -> Studentised:
    """The studentised bootstrap distribution of ``theta[key] - theta[minus]`` (of ``theta[key]`` without ``minus``)."""
    n = sampled.clusters
    parts = [(1.0, sampled.keys.index(key))] + ([(-1.0, sampled.keys.index(minus))] if minus else [])
    value = float(sum(sign * sampled.estimate[k] for sign, k in parts))
    if n < 2 or not np.isfinite(value):
        return Studentised(value, np.nan, np.empty(0), False)
    influence = [sign * (n - 1) * (sampled.estimate[k] - sampled.jackknife[:, k]) for sign, k in parts]
    total = np.sum(influence, axis=0)
    se = float(np.sqrt(np.sum((total - total.mean()) ** 2) / (n * (n - 1))))
    if not np.isfinite(se):
        return Studentised(value, np.nan, np.empty(0), False)
    weights, masses = sampled.weights, [sampled.mass[:, k] for _, k in parts]
    shifts = [sign * (sampled.bootstrap[:, k] - sampled.estimate[k]) for sign, k in parts]
    sizes = [weights @ mass / n for mass in masses]

    def covary(x: Floats, y: Floats) -> Floats:
        return np.asarray(weights @ (x * y) / n - (weights @ x / n) * (weights @ y / n))

    variance = np.zeros(len(weights))
    for i, (u, m, a) in enumerate(zip(influence, masses, shifts, strict=True)):
        for j in range(i, len(parts)):
            v, k, b = influence[j], masses[j], shifts[j]
            term = covary(u, v) - a * covary(m, v) - b * covary(u, k) + a * b * covary(m, k)
            variance += (1 if i == j else 2) * term / np.where(sizes[i] * sizes[j] > 0, sizes[i] * sizes[j], np.nan)
    error = np.sqrt(np.maximum(variance, 0.0) / (n - 1))
    moved = sum(sign * sampled.bootstrap[:, k] for sign, k in parts) - value
    flat = ~(error > max(FLAT * se, 1e-9 * max(1.0, abs(value))))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(flat, np.where(np.abs(moved) < 1e-12, 0.0, np.inf), moved / error)
    t[np.isnan(t)] = np.inf
    return Studentised(value, se, t, bool(se > 1e-9 and np.mean(flat | np.isinf(t)) <= DEGENERATE))


def describe(clusters: int, resamples: int, family: int = 1) -> str:
    """How an interval was made, in words; "few clusters" below 50."""
    few = " (few clusters)" if clusters < FEW_CLUSTERS else ""
    over = f", max-T over {family} groups" if family > 1 else ""
    return f"cluster bootstrap-t, {clusters} clusters{few}, B={resamples}{over}"


def estimate_one(found: Studentised, *, clusters: int, alpha: float = 0.05) -> Estimate:
    """Symmetric bootstrap-t interval ``theta +- q se``, ``q`` the 1-alpha quantile of ``|t*|``; ``p = (1+#)/(B+1)``."""
    return estimate_family({"": found}, clusters=clusters, alpha=alpha)[""]


def estimate_family(found: dict[str, Studentised], *, clusters: int, alpha: float = 0.05) -> dict[str, Estimate]:
    """Simultaneous intervals: ``q`` is the 1-alpha quantile of ``max_k |t*_k|`` over the usable members.

    Members that bootstrap-t cannot serve come back with a value only.  With m of g members usable the maximum gets
    ``alpha m / g``, which leaves ``alpha / g`` for each of the others (Bonferroni between the two kinds).
    """
    usable = [name for name, one in found.items() if one.usable]
    result = {
        name: Estimate(one.value if np.isfinite(one.value) else None, one.se if np.isfinite(one.se) else None)
        for name, one in found.items()
    }
    if not usable:
        return result
    share = len(usable) / len(found)
    t = np.abs(np.column_stack([found[name].t for name in usable]))
    top = t.max(axis=1)
    n = len(top)
    quantile = float(np.sort(top)[min(n, int(np.ceil((1 - alpha * share) * (n + 1)))) - 1])
    for k, name in enumerate(usable):
        one = found[name]
        size = abs(one.value) / one.se
        result[name] = Estimate(
            one.value,
            one.se,
            one.value - quantile * one.se,
            one.value + quantile * one.se,
            describe(clusters, n, len(found)),
            float((1 + np.sum(t[:, k] >= size)) / (n + 1)),
            float(min(1.0, (1 + np.sum(top >= size)) / (n + 1) / share)),
        )
    return result


def clip(estimate: Estimate, low: float, high: float) -> Estimate:
    """The interval cut to the range that the estimand can take."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(low, estimate.low), high=min(high, estimate.high))
