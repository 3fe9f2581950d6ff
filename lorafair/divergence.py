"""How far two models' distributions over the next token lie apart, over the whole vocabulary, a few rows at a time."""

from __future__ import annotations

from typing import Any

CELLS = 4_000_000
"""Numbers of the vocabulary that are worked on at once: rows of that many in all."""
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
    import torch

    log_p, log_q = (rows.float().log_softmax(-1) for rows in (ours, base))
    p, q = log_p.exp(), log_q.exp()
    gap = log_p - log_q
    log_m = torch.logaddexp(log_p, log_q) - torch.tensor(2.0).log()
    kl = _sum(p, gap)
    back = _sum(q, -gap)
    js = (_sum(p, log_p - log_m) + _sum(q, log_q - log_m)) / 2
    tv = (p - q).abs().sum(-1, dtype=torch.float64) / 2
    same = (gap == 0).all(-1)
    found = torch.stack([kl, back, tv, js], -1)
    found = found.clamp(min=0)  # rounding may take a tiny one below; clamp keeps NaN
    return torch.where(same[:, None], torch.zeros_like(found), found)


def _sum(weight: Any, value: Any) -> Any:
    """Sum over the vocabulary of weight times value, where a weight of 0 counts as 0."""
    import torch

    return torch.where(weight == 0, torch.zeros_like(value), weight * value).sum(-1, dtype=torch.float64)
