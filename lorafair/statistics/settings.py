"""What the statistics are run with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """What the statistics are run with: shown in foot lines and recorded in provenance.

    A group (or the whole) carries a claim from ``min_n`` documents in ``min_clusters`` clusters on.  ``correction`` (of
    the family) is holm or bh; ``margin`` is the delta of non-inferiority and equivalence, None where nobody set one.
    ``permute``: p values by permutation; ``shares``: attribute -> group -> share of the training data, where known.
    Intervals come from ``resamples`` resamples; p values of paired differences that are so small that a correction for
    a large family may leave them significant come from ``most``, where that is more.
    """

    seed: int = 0
    resamples: int = 2000
    most: int = 0
    alpha: float = 0.05
    min_n: int = 30
    min_clusters: int = 10
    correction: str = "holm"
    margin: float | None = None
    permute: bool = False
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
