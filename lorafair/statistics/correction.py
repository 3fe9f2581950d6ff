"""Correction for the number of questions asked, and how many resamples that takes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


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


def scale_resamples(family: int, asked: int | None = None) -> int:
    """B: at least 2,000, and 40 for every hypothesis, so that the smallest p, ``1/(B+1)``, survives Holm."""
    return asked if asked is not None else max(2000, math.ceil(40 * family / 1000) * 1000)
