"""How much of an answer is the place or the symbol of an option: ties, swaps, calibration, and an exact decomposition.

Everything here is about one prompt whose options are compared by their log-probabilities, or about a few prompts that
differ in one property of the options.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

TIE = 1e-6
"""Options whose log-probabilities differ by less than this (nats) are equally likely."""
EXCESS = 1e-3
"""Options that exclude each other have probabilities that add up to 1 at most; this much is left to rounding."""


def share_probability(logprobs: Sequence[float]) -> list[float] | None:
    """Probabilities of the options, normalised over them.

    Args:
        logprobs: log-probability (nats) of each option's whole text, of options none of which begins another.

    Returns:
        None where they cannot be compared: fewer than two, a NaN, none possible, or together more likely than certain.
        The last is so where an option has no tokens at all (its log-probability is that of nothing, 0), or where its
        tokens are the beginning of another option's.
    """
    top = max(logprobs, default=-math.inf)
    if len(logprobs) < 2 or any(math.isnan(value) for value in logprobs) or math.isinf(top):
        return None
    if sum(math.exp(min(value, 1.0)) for value in logprobs) > 1 + EXCESS:
        return None
    raised = [math.exp(value - top) for value in logprobs]
    total = sum(raised)
    return [value / total for value in raised]


def choose(scores: Sequence[float]) -> int | None:
    """The number of the option with the highest score (nats); None for a tie.

    Two options tie within :data:`TIE`: none gains by being listed or compared first.
    """
    top = max(scores)
    best = [k for k, value in enumerate(scores) if top - value < TIE]
    return best[0] if len(best) == 1 else None


def choose_likely(probabilities: Sequence[float]) -> int | None:
    """:func:`choose` by the logarithms of probabilities."""
    return choose([math.log(value) if value > 0 else -math.inf for value in probabilities])


def calibrate(probabilities: Sequence[float], prior: Sequence[float]) -> list[float] | None:
    """Contextual calibration (Zhao et al. 2021, "Calibrate before use"): ``q_k ∝ p_k / prior_k``, normalised.

    Their ``W = diag(prior)^-1`` and ``b = 0``: an input without content is then answered with every option alike.

    Args:
        probabilities: of the options, given the input.
        prior: of the same options of the same prompt, the mean over inputs without content.

    Returns:
        None where the prior of an option is 0, or nothing is left.
    """
    if any(value <= 0 for value in prior):
        return None
    divided = [p / q for p, q in zip(probabilities, prior, strict=True)]
    total = sum(divided)
    return [value / total for value in divided] if 0 < total < math.inf else None


def average(rows: Sequence[Sequence[float]]) -> list[float]:
    """The mean of several distributions over the same options."""
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def measure_variation(one: Sequence[float], other: Sequence[float]) -> float:
    """Total variation distance ``½ Σ |p_k - q_k|`` of two distributions over the same options, in [0, 1]."""
    return sum(abs(p - q) for p, q in zip(one, other, strict=True)) / 2


def decompose(value: float, levels: Mapping[str, int]) -> dict[str, float]:
    """One answer's contribution to the effects of a two-level factorial design (Yates 1937).

    With ``value`` = +1 for an answer "male", -1 for "female", and levels ``l_f`` = +1 where the male option has the
    property f (is listed first, has the first symbol, …) and -1 where the female one has it,

    - ``meaning`` = value, ``f`` = value · l_f, ``interaction`` = value · (every product of two or more levels, added),
    - ``apparent`` = value · Π (1 + l_f), which is their sum.

    Over a design that has every combination of levels equally often, the mean of ``apparent`` is the mean value of the
    *plain* prompt (all levels +1), that of ``meaning`` the mean over all combinations, that of ``f`` half the
    difference between its levels: who always takes the option that is listed first has ``position`` 1 and nothing
    else.  The sum holds for each document, so it holds in every sample and resample, balanced or not.

    Args:
        value: of one document, in [-1, 1].
        levels: factor -> +1 or -1; none: everything is meaning.

    Returns:
        ``apparent``, ``meaning``, each factor and ``interaction``.
    """
    apparent = value * math.prod(1 + level for level in levels.values())
    single = {factor: value * level for factor, level in levels.items()}
    return {
        "apparent": apparent,
        "meaning": value,
        **single,
        "interaction": apparent - value - sum(single.values()),
    }
