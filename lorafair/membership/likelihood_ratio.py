"""The likelihood ratio attack (LiRA) of Carlini et al. 2022 (arXiv 2112.03570), on log-odds of documents."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import LorafairError
from lorafair.statistics.table import Floats

Variance = Literal["auto", "pooled", "example"]
ENOUGH = 32
"""Shadows with (and without) a document from which its own variance is used: the paper's 64 shadows in all."""
_LEAST = 1e-6


def compute_log_odds(loss: Floats) -> Floats:
    """``log(p / (1 - p))`` of ``p = exp(-loss)``, the paper's scaling of the confidence, exact for tiny losses.

    For a label that is the log-odds of its probability, for two classes the difference of their logits; for a
    completion, whose loss is the mean over its tokens, ``p`` is the geometric mean of their probabilities.

    Args:
        loss: nats, at least 0.
    """
    loss = np.maximum(np.asarray(loss, dtype=np.float64), 1e-300)
    return np.asarray(-loss - np.log(-np.expm1(-loss)), dtype=np.float64)


def attack_offline(target: Floats, shadows: Floats, inside: NDArray[np.bool_], variance: Variance = "auto") -> Floats:
    """Offline LiRA: how far the target's log-odds lie above those of shadows that never saw the document.

    Args:
        target: (n,) log-odds under the target.
        shadows: (S, n) log-odds under each shadow.
        inside: (S, n) whether a shadow was trained on the document.
        variance: ``example``: each document's own; ``pooled``: one, from deviations of all documents from their own
            means (the paper's choice for few shadows); ``auto``: the first where each document has at least 32
            shadows without it.

    Returns:
        (n,) ``z = (target - mean_out) / sd_out``; the paper's score is the normal distribution function of that, which
        orders documents alike.

    Raises:
        LorafairError: where a document was in every shadow, or there are too few shadows for a variance.
    """
    mean, sd = _fit(shadows, ~inside, variance, "out of")
    return np.asarray((target - mean) / sd, dtype=np.float64)


def attack_online(target: Floats, shadows: Floats, inside: NDArray[np.bool_], variance: Variance = "auto") -> Floats:
    """Online LiRA: log likelihood ratio of the target's log-odds between shadows with and without the document.

    Args:
        target, shadows, inside, variance: as of :func:`attack_offline`.

    Returns:
        (n,) ``log N(target; mean_in, sd_in) - log N(target; mean_out, sd_out)``.

    Raises:
        LorafairError: where a document was in every shadow or in none, or there are too few for a variance.
    """
    from scipy.stats import norm

    fits = [_fit(shadows, mask, variance, which) for mask, which in ((inside, "in"), (~inside, "out of"))]
    parts = [norm.logpdf(target, mean, sd) for mean, sd in fits]
    return np.asarray(parts[0] - parts[1], dtype=np.float64)


def _fit(shadows: Floats, mask: NDArray[np.bool_], variance: Variance, which: str) -> tuple[Floats, Floats]:
    """(n,) means and (n,) standard deviations of log-odds over the shadows that ``mask`` names."""
    size = mask.sum(axis=0)
    if not size.min(initial=1):
        raise LorafairError(
            f"{int((size == 0).sum())} documents are {which} no shadow: train more shadows (--settings shadows=16)."
        )
    mean = np.where(mask, shadows, 0.0).sum(axis=0) / size
    squares = np.where(mask, (shadows - mean) ** 2, 0.0).sum(axis=0)
    if variance == "example" or (variance == "auto" and size.min() >= ENOUGH):
        if size.min() < 2:
            raise LorafairError("variance=example needs two shadows with and two without each document: train more.")
        sd = np.sqrt(squares / (size - 1))
    else:
        freedom = int(size.sum() - len(size))
        if freedom < 1:
            raise LorafairError("There are too few shadows for a variance: train more (--settings shadows=16).")
        sd = np.full(len(size), np.sqrt(squares.sum() / freedom))
    return mean, np.maximum(sd, _LEAST)
