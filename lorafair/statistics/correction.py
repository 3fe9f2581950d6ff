"""Correction for the number of questions asked, and how many resamples that takes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
CORRECTIONS = ("holm", "bh")


def adjust(p: Mapping[Key, float], correction: str = "holm") -> dict[Key, tuple[float, float]]:
    """Adjusted p values by ``correction``, one of ``CORRECTIONS``: as :func:`adjust_holm` or :func:`adjust_bh`.

    Raises:
        LorafairError: for another word.
    """
    from lorafair.errors import LorafairError, did_you_mean

    if correction not in CORRECTIONS:
        raise LorafairError(f"There is no correction {correction!r}.{did_you_mean(correction, CORRECTIONS)}")
    return dict(adjust_holm(p)) if correction == "holm" else adjust_bh(p)


def adjust_holm(p: Mapping[Key, float]) -> dict[Key, tuple[float, int]]:
    """Holm's step-down adjusted p values (Holm 1979; equal to statsmodels' ``multipletests(method="holm")``).

    Returns:
        key -> (adjusted p, multiplier): the multiplier is the number of hypotheses still open at this one's step.
    """
    result: dict[Key, tuple[float, int]] = {}
    running = 0.0
    for rank, (key, value) in enumerate(sorted(p.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, value * (len(p) - rank)))
        result[key] = (running, len(p) - rank)
    return result


def adjust_bh(p: Mapping[Key, float]) -> dict[Key, tuple[float, float]]:
    """Benjamini and Hochberg's adjusted p values (1995; ``multipletests(method="fdr_bh")``): false discovery rate.

    Returns:
        key -> (adjusted p, multiplier): the multiplier is m over the number of hypotheses rejected with this one, so
        that p values of members of a rejected family times it keep the rate over the selected families (Benjamini and
        Bogomolov 2014).
    """
    result: dict[Key, tuple[float, float]] = {}
    smallest, multiplier = 1.0, 1.0
    for rank, (key, value) in reversed(list(enumerate(sorted(p.items(), key=lambda item: item[1]), start=1))):
        if value * len(p) / rank <= smallest:
            smallest, multiplier = value * len(p) / rank, len(p) / rank
        result[key] = (smallest, multiplier)
    return result


def scale_resamples(family: int, asked: int | None = None) -> int:
    """B: at least 2,000, and 40 for every hypothesis, so that the smallest p, ``1/(B+1)``, survives Holm."""
    return asked if asked is not None else max(2000, math.ceil(40 * family / 1000) * 1000)
