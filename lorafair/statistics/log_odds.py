"""Log-odds of rates: the second scale on which a change of fairness has to show.

A risk difference between groups shrinks when every group's odds are halved; the difference of their log-odds does not.
The logit is taken of ``(N r + 1/2) / (N + 1)`` with N documents behind the rate (Haldane 1956, Anscombe 1956), so that
it is finite for a rate of 0 or 1; the shift is of order 1/N.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

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
    value, slope = take_logit(np.array([at]), np.array([documents]))
    values, slopes = take_logit(drawn, n)
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


def estimate_shares(
    sampled: Sampled,
    keys: Mapping[str, str],
    documents: Mapping[str, int],
    made: dict[str, Studentised] | None = None,
    *,
    clusters: int,
    alpha: float = 0.05,
    estimate: Callable[..., dict[str, Estimate]] = estimate_family,
) -> dict[str, Estimate]:
    """Intervals of rates, simultaneous ones, made in log-odds by bootstrap-t and turned back.

    Symmetric intervals of a rate far from one half are wrong on both sides; in log-odds their ends stay in [0, 1] and
    lie where the rate's distribution is.

    Args:
        sampled: one model's.
        keys: name -> key; ``documents``: name -> number behind the rate.
        made: key -> what was studentised before; the others are added.
        clusters: for the words of the method.
        estimate: makes the intervals in log-odds; :func:`lorafair.statistics.interval.estimate_each` each by itself.

    Returns:
        name -> the rate, its standard error and interval; value and error only where bootstrap-t does not serve.
    """
    few = {name: documents[name] for name in keys if documents[name]}
    made = {} if made is None else made
    studentise_shares(sampled, {keys[name]: size for name, size in few.items()}, made)
    done = estimate({name: made[keys[name]] for name in few}, clusters=clusters, alpha=alpha)
    result = {}
    for name, key in keys.items():
        rate = float(sampled.estimate[sampled.keys.index(key)])
        if name not in done or not np.isfinite(rate):
            result[name] = Estimate(rate if np.isfinite(rate) else None)
            continue
        one, n = done[name], few[name]
        slope = float(take_logit(np.array([rate]), np.array([float(n)]))[1][0])
        result[name] = Estimate(rate, None if one.se is None else one.se / slope)
        if one.low is not None and one.high is not None:
            ends = _turn_back(one.low, n), _turn_back(one.high, n)
            result[name] = replace(result[name], low=ends[0], high=ends[1], method=f"{one.method}, in log-odds")
    return result


def studentise_shares(sampled: Sampled, documents: Mapping[str, int], made: dict[str, Studentised]) -> None:
    """Put into ``made`` what is not there yet: the log-odds of every key that has documents, all at once."""
    new = {key: size for key, size in documents.items() if size and key not in made}
    sums = [[take_log_odds(sampled, key, size)] for key, size in new.items()]
    made.update(zip(new, combine_all(sums, sampled.draw), strict=True))


def _turn_back(value: float, n: float) -> float:
    """The rate whose corrected logit over ``n`` documents is ``value``."""
    return float(np.clip(((n + 1) / (1 + np.exp(-value)) - 0.5) / n, 0.0, 1.0))


def take_logit(rate: Floats, n: Floats) -> tuple[Floats, Floats]:
    """The corrected logit and its slope in ``rate``."""
    share = (n * rate + 0.5) / (n + 1)
    return np.log(share / (1 - share)), n / (n + 1) / (share * (1 - share))
