"""How many clusters, completions and training seeds a paired difference takes to be found, before it is measured.

A paired difference over C clusters has the variance ``v / C``, and its two-sided t test at level alpha has the power
``P(|T'| > t_{1-alpha/2, C-1})`` with T' noncentral t at ``difference / sqrt(v / C)``.  Over S training seeds the
variance is ``a / S + v / C`` (:mod:`lorafair.statistics.crossed`).  A verdict on fairness asks for a change as a
difference and in log-odds, against what the other groups' odds did in common
(:mod:`lorafair.statistics.confirmation`): its power is at least the sum of both powers minus 1.  Where the groups'
rates are alike that change has the variance of a contrast of log-odds.  Over m tests and g groups alpha is
``alpha / (m g)`` (the first step of Holm, and at most what max-T leaves to each group), two-sided for the difference
and one-sided for the confirmation in log-odds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from lorafair.statistics.crossed import MIN_SEEDS

MOST = 10_000_000  # clusters; more is "not within reach"
FEWEST = 10  # clusters; fewer carry no claim


@dataclass(frozen=True)
class Effect:
    """A difference to be found: ``size`` and its variance per cluster, ``fixed + answers / K`` for K completions.

    ``unseen``: what its test adds to the variance of C clusters, times C squared (Gart's half hits, of log-odds).
    """

    size: float
    fixed: float
    answers: float
    unseen: float = 0.0

    def variance(self, completions: float = 1.0) -> float:
        """v with K completions a document."""
        return self.fixed + self.answers / completions


@dataclass(frozen=True)
class Question:
    """What has to be certain: ``difference``, and for fairness ``log_odds`` too; at ``alpha`` over ``tests`` tests
    of ``groups`` groups each."""

    difference: Effect
    log_odds: Effect | None = None
    alpha: float = 0.05
    tests: int = 1
    groups: int = 1


def state_effects(
    rate: float,
    difference: float,
    *,
    documents: float,
    groups: int = 1,
    correlation: float = 0.0,
    icc: float = 0.0,
) -> tuple[Effect, Effect | None]:
    """(risk difference, log-odds) of a rate that moves from ``rate`` by ``difference``, from stated rates.

    One answer to a document has the variance ``p(1-p)``; the difference of two models' answers to it
    ``w = p q + p'q' - 2 r sqrt(p q p'q')`` with r their ``correlation``.  The mean over ``documents`` of one cluster
    has ``w (1 + (documents - 1) icc) / documents``, over K completions each 1/K of it.

    Args:
        rate: of the reference, in (0, 1).
        difference: model minus reference; ``rate + difference`` in (0, 1).
        documents: per cluster, in all groups together.
        groups: 1 for the level; more for one of them against its rest, of which only the group moves.
        correlation: between the two models' answers to one document.
        icc: correlation of the differences of two documents of one cluster.

    Returns:
        the log-odds are None for a level, whose verdict does not ask for them.
    """
    moved = rate + difference

    def spread(after: float, power: float) -> float:
        one, other = math.pow(rate * (1 - rate), power), math.pow(after * (1 - after), power)
        return one + other - 2 * correlation * math.sqrt(one * other)

    def per_cluster(after: float, power: float, share: float) -> float:
        many = documents * share
        return spread(after, power) * (1 + max(0.0, many - 1) * icc) / many

    if groups == 1:
        return Effect(difference, 0.0, per_cluster(moved, 1, 1.0)), None
    both = [per_cluster(moved, k, 1 / groups) + per_cluster(rate, k, 1 - 1 / groups) for k in (1, -1)]
    odds = math.log(moved / (1 - moved)) - math.log(rate / (1 - rate))
    own, others = documents / groups, documents * (1 - 1 / groups)
    unseen = (
        (moved * (1 - moved) * own) ** -2 + (rate * (1 - rate) * own) ** -2 + 2 * (rate * (1 - rate) * others) ** -2
    )
    return Effect(difference, 0.0, both[0]), Effect(odds, 0.0, both[1], unseen / 2)


def compute_power(question: Question, clusters: int, completions: float = 1.0) -> float:
    """The chance that a checkpoint's difference is found with so many clusters and completions a document."""
    level = question.alpha / question.groups
    variance = question.difference.variance(completions) / clusters
    found = _power(question.difference, clusters - 1, variance, level / question.tests / 2)
    if question.log_odds is not None:
        odds = question.log_odds.variance(completions) / clusters + question.log_odds.unseen / clusters**2
        found += _power(question.log_odds, clusters - 1, odds, level / question.tests) - 1
    return max(0.0, found)


def compute_method_power(
    question: Question, clusters: int, seeds: int, seed_sd: float, completions: float = 1.0
) -> float:
    """The chance that a method's difference is found over so many training seeds (of its level; one scale)."""
    between, within = seed_sd**2 / seeds, question.difference.variance(completions) / clusters
    total = between + within
    df = total**2 / (between**2 / (seeds - 1) + within**2 / (clusters - 1)) if total > 0 else seeds - 1
    return _power(question.difference, df, total, question.alpha / question.tests / 2)


def _power(effect: Effect, df: float, variance: float, tail: float) -> float:
    from scipy.stats import nct, t

    if variance <= 0:
        return 1.0 if effect.size else 2 * tail
    limit, centre = float(t.isf(tail, df)), abs(effect.size) / math.sqrt(variance)
    if centre - limit > 8:  # certain; far out scipy's noncentral t is not a number
        return 1.0
    other = float(nct.cdf(-limit, df, centre)) if centre < 4 else 0.0  # below 1e-10 from there on
    return min(1.0, float(nct.sf(limit, df, centre)) + other)


def find_clusters(question: Question, power: float = 0.8, completions: float = 1.0) -> int | None:
    """The fewest clusters, at least ``FEWEST``, that find the difference with this power; None beyond ``MOST``."""
    return _find(lambda clusters: compute_power(question, clusters, completions) >= power, FEWEST, MOST)


def find_completions(question: Question, clusters: int, power: float = 0.8, most: int = 1000) -> int | None:
    """The fewest completions a document that do it with these clusters; None if no number up to ``most`` does."""
    return _find(lambda k: compute_power(question, clusters, k) >= power, 1, most)


def find_seeds(
    question: Question, clusters: int, seed_sd: float, power: float = 0.8, completions: float = 1.0
) -> int | None:
    """The fewest training seeds, at least five, for a claim about the method; None if 1,000 do not do it."""
    return _find(
        lambda seeds: compute_method_power(question, clusters, seeds, seed_sd, completions) >= power, MIN_SEEDS, 1000
    )


def find_difference(
    ask: Callable[[float], Question], clusters: int, power: float, completions: float, end: float
) -> float:
    """The smallest difference between 0 and ``end`` found with these clusters; NaN if none is.

    Args:
        ask: difference -> the question; ``end`` may be negative, for a fall.
    """
    steps = [end * k / 200 for k in range(201)]
    enough = (k for k in range(1, 201) if compute_power(ask(steps[k]), clusters, completions) >= power)
    at = next(enough, None)
    if at is None:
        return math.nan
    low, high = steps[at - 1], steps[at]
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if compute_power(ask(middle), clusters, completions) >= power else (middle, high)
    return high


def _find(enough: Callable[[int], bool], low: int, most: int) -> int | None:
    """The smallest number from ``low`` on that is enough, for a condition that stays true once it is."""
    if enough(low):
        return low
    high = low
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
