"""How far two models' distributions over the next token lie apart, over the whole vocabulary, a few rows at a time."""

from __future__ import annotations

import math
from typing import Any

CELLS = 500_000
"""Numbers of the vocabulary that are worked on at once, rows of that many in all: few, so that they stay in a cache."""
KINDS = ("kl", "kl_base", "tv", "js")


def compare_rows(ours: Any, base: Any) -> Any:
    """Divergences between two distributions, row by row, exact over the vocabulary.

    Args:
        ours, base: logits, (n, vocabulary) each, any float type.

    Returns:
        torch.float64 of shape (n, 4), in the order of ``KINDS``: KL(ours || base), KL(base || ours), total variation
        (half the sum of absolute differences, in [0, 1]) and the Jensen-Shannon divergence (Lin 1991), the mean KL of
        both to their mean; all but the third in nats.  A row that is the same in both is exactly 0; a row with a logit
        that is no number (or infinite in both) is NaN.
    """
    import torch

    size = max(1, CELLS // max(1, ours.shape[-1]))
    parts = [_compare(ours[i : i + size], base[i : i + size]) for i in range(0, len(ours), size)]
    return torch.cat(parts) if parts else torch.zeros((0, len(KINDS)), dtype=torch.float64)


def _compare(ours: Any, base: Any) -> Any:
    """The divergences of a few rows, with as few numbers in memory as they take.

    With ``g = log p - log q`` and ``h = log(1 + e^-g)``, ``log p - log m = log 2 - h`` and
    ``log q - log m = log 2 - h - g`` for the mean ``m`` of both: JS is half of
    ``sum (p + q) (log 2 - h) - sum q g``.
    """
    import torch

    log_p, log_q = (rows.float().log_softmax(-1) for rows in (ours, base))
    gap = log_p - log_q
    p, q = log_p.exp_(), log_q.exp_()
    h = torch.nn.functional.softplus(-gap)
    kl = (p * gap).sum(-1)  # torch sums pairwise: as good as float64 here, and no wider copy is made
    back = -gap.mul_(q).sum(-1)
    js = (h.neg_().add_(math.log(2)).mul_(p + q).sum(-1) + back) / 2
    tv = p.sub_(q).abs_().sum(-1) / 2
    found = torch.stack([kl, back, tv, js], -1).double()
    odd = ~found.isfinite().all(-1)
    same = (tv == 0) & ~odd
    if odd.any():  # something is impossible in one of them, or no number
        found[odd] = _compare_impossible(ours[odd], base[odd])
    found = found.clamp(min=0)  # rounding may take a tiny one below; clamp keeps NaN
    found[same] = 0.0
    return found.cpu()


def _compare_impossible(ours: Any, base: Any) -> Any:
    """The same of rows with probabilities of 0, which weigh nothing however far their logarithm is."""
    import torch

    log_p, log_q = (rows.double().log_softmax(-1) for rows in (ours, base))
    p, q = log_p.exp(), log_q.exp()
    gap = log_p - log_q
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    js = (_sum(p, log_p - log_m) + _sum(q, log_q - log_m)) / 2
    return torch.stack([_sum(p, gap), _sum(q, -gap), (p - q).abs().sum(-1) / 2, js], -1)


def _sum(weight: Any, value: Any) -> Any:
    """Sum over the vocabulary of weight times value, where a weight of 0 counts as 0."""
    import torch

    return torch.where(weight == 0, torch.zeros_like(value), weight * value).sum(-1)
