"""Intervals and p values: symmetric bootstrap-t by clusters, and max-T over a family of estimands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lorafair.statistics.studentised import Studentised, studentise

__all__ = [
    "FEW_CLUSTERS",
    "Estimate",
    "Studentised",
    "clip",
    "describe",
    "estimate_each",
    "estimate_family",
    "estimate_one",
    "studentise",
]

FEW_CLUSTERS = 50
TIE = 1e-9
"""Of a value: a resample that is as far off but for rounding, as those of few answers often are, counts as beyond."""


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty.  ``None`` is "not estimable"; ``p`` is two-sided, ``p_max`` over the family.

    ``p_above`` and ``p_below`` are those of a difference of at least ``+margin`` and of at most ``-margin``, where
    there is a margin; ``df`` the degrees of freedom of a t interval, None for a bootstrap's; ``detectable`` the change
    that would be found (infinite: none would), where that is not what one test of ``value`` finds.
    """

    value: float | None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = "not estimable"
    p: float | None = None
    p_max: float | None = None
    p_above: float | None = None
    p_below: float | None = None
    df: float | None = None
    detectable: float | None = None

    @property
    def minimum_detectable(self) -> float | None:
        """``(z_.975 + z_.80) se``: found with 80% power at 5%, from the design and not from the observed effect.

        With ``df`` degrees of freedom, of a claim about a method, with the quantiles of that t.  Of a contrast's change
        ``detectable``, what its verdict asks for (:mod:`lorafair.statistics.detection`).
        """
        if self.detectable is not None:
            return self.detectable if self.detectable < float("inf") else None
        if self.se and self.df is not None:
            from scipy.special import stdtrit

            return float(stdtrit(self.df, 0.975) + stdtrit(self.df, 0.80)) * self.se
        return None if not self.se else (1.959963984540054 + 0.8416212335729143) * self.se

    def excludes_zero(self) -> int:
        """+1 if the interval lies above 0, -1 if below, 0 if it holds 0 or there is none."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


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
    t = np.abs(np.stack([found[name].t for name in usable]))
    top = t.max(axis=0)
    n = len(top)
    quantile = float(np.sort(top)[min(n, int(np.ceil((1 - alpha * share) * (n + 1)))) - 1])
    sizes = np.array([abs(found[name].value) / found[name].se * (1 - TIE) for name in usable])[:, None]
    alone, together = (np.count_nonzero(each >= sizes, axis=1).tolist() for each in (t, top))
    for k, name in enumerate(usable):
        one = found[name]
        result[name] = Estimate(
            one.value,
            one.se,
            one.value - quantile * one.se,
            one.value + quantile * one.se,
            describe(clusters, n, len(found)),
            (1 + alone[k]) / (n + 1),
            min(1.0, (1 + together[k]) / (n + 1) / share),
        )
    return result


def estimate_each(found: dict[str, Studentised], *, clusters: int, alpha: float = 0.05) -> dict[str, Estimate]:
    """:func:`estimate_one` of each, at once."""
    result = {
        name: Estimate(one.value if np.isfinite(one.value) else None, one.se if np.isfinite(one.se) else None)
        for name, one in found.items()
    }
    usable = [name for name, one in found.items() if one.usable]
    if not usable:
        return result
    size = np.array([abs(found[name].value) / found[name].se * (1 - TIE) for name in usable])
    t = np.abs(np.stack([found[name].t for name in usable]))
    n = t.shape[1]
    quantiles = np.sort(t, axis=1)[:, min(n, int(np.ceil((1 - alpha) * (n + 1)))) - 1]
    p = (1 + np.count_nonzero(t >= size[:, None], axis=1)) / (n + 1)
    said = describe(clusters, n)
    for name, quantile, each in zip(usable, quantiles.tolist(), p.tolist(), strict=True):
        one = found[name]
        low, high = one.value - quantile * one.se, one.value + quantile * one.se
        result[name] = Estimate(one.value, one.se, low, high, said, each, each)
    return result


def clip(estimate: Estimate, low: float, high: float) -> Estimate:
    """The interval cut to the range that the estimand can take."""
    if estimate.low is None or estimate.high is None or low <= estimate.low <= estimate.high <= high:
        return estimate
    return replace(estimate, low=max(low, estimate.low), high=min(high, estimate.high))
