"""Log-odds of rates: the second scale on which a change of fairness has to show.

A risk difference between groups shrinks when every group's odds are halved; the difference of their log-odds does not.
The logit is taken of ``(N r + 1/2) / (N + 1)`` with N documents behind the rate (Haldane 1956, Anscombe 1956), so that
it is finite for a rate of 0 or 1; the shift is of order 1/N.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lorafair.statistics.interval import Estimate
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


def confirm(difference: Estimate, log_odds: Estimate | None) -> float:
    """p of the second scale's confirmation of a contrast's change: 1 where it points the other way.

    "No change of fairness" is true when the contrast stayed the same on either scale; rejecting it when both tests
    reject, in the same direction, has at most the level of each (an intersection-union test, Berger 1982).  The risk
    difference is tested on two sides and gives the direction, so that the log-odds are tested on one: half the group's
    own two-sided p.  It is corrected neither over the groups nor over the family: their error is that of the risk
    differences, which are; and one group without a hit would otherwise hide what happened to another.  Where the
    log-odds have no test the risk difference decides alone: 0.
    """
    if log_odds is None or log_odds.p is None:
        return 0.0
    same = (log_odds.value or 0.0) * (difference.value or 0.0) > 0
    return log_odds.p / 2 if same else 1.0


def join_scales(difference: Estimate, log_odds: Estimate | None) -> Estimate:
    """A contrast's estimate whose ``p_max`` asks for the change on both scales."""
    if difference.p_max is None:
        return difference
    return replace(difference, p_max=max(difference.p_max, confirm(difference, log_odds)))


def _transform(rate: Floats, n: Floats) -> tuple[Floats, Floats]:
    """The corrected logit and its slope in ``rate``."""
    share = (n * rate + 0.5) / (n + 1)
    return np.log(share / (1 - share)), n / (n + 1) / (share * (1 - share))
