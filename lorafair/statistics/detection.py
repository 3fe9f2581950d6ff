"""The smallest change of a contrast that a verdict finds: certain as a difference, and confirmed in log-odds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from lorafair.statistics.interval import Estimate
from lorafair.statistics.table import Floats

POWER = 0.8
_STEPS = 16  # sizes that are looked at at a time
_NODES = 20  # of the integral over the first scale
_FAR = 5.0  # standard errors


@dataclass(frozen=True)
class Scales:
    """A contrast's change and its confirmation, with ``rate`` in the reference and the ``clusters`` behind it.

    ``correlation``: of the two estimates; None where it is not known.
    """

    contrast: Estimate
    change: Estimate | None
    rate: float
    clusters: int
    correlation: float | None = None


def detect_changes(found: Mapping[str, Scales], family: int, alpha: float = 0.05) -> dict[str, Estimate]:
    """The contrasts with the change that a verdict finds with 80% power, where this attribute is the only test.

    As a difference a change has to exceed the half width of its simultaneous interval, in log-odds the one-sided t
    quantile at ``alpha / family`` (Holm's first step; at ``alpha`` for two groups).  When the group's rate moves from r
    to p the half of the squared error that is the model's goes with ``p(1-p)``, in log-odds with one over it.  The
    chance of both is a bivariate normal's, or at least the sum of both minus 1 where the correlation is not known.  The
    larger of a rise and a fall counts, of those that can be found.

    Args:
        found: group -> its two scales; one without a confirmation has ``(half width + z_.80 se)``.
        family: groups that carry a claim.
        alpha: of the verdict.

    Returns:
        group -> its contrast with ``detectable``, infinite where nothing would be found; as it is where it has no
        interval or no error.
    """
    level = alpha if family == 2 else alpha / max(1, family)
    done = {name: one.contrast for name, one in found.items()}
    both: dict[str, tuple[float, ...]] = {}
    for name, one in found.items():
        half = _take_half(one.contrast)
        if half is None or not one.contrast.se:
            continue
        change = one.change
        if change is None or not change.se or one.clusters < 2 or not 0 < one.rate < 1:
            done[name] = replace(one.contrast, detectable=half + 0.8416212335729143 * one.contrast.se)
            continue
        limit = _find_quantile(1 - level, change.df if change.df is not None else one.clusters - 1)
        correlation = np.nan if one.correlation is None else one.correlation
        both[name] = (one.rate, half, one.contrast.se, limit, change.se, correlation)
    if both:
        sizes = find_sizes(*np.array(list(both.values())).T)
        for name, size in zip(both, sizes, strict=True):
            done[name] = replace(done[name], detectable=float(size) if np.isfinite(size) else np.inf)
    return done


def correlate(one: Floats, other: Floats, times: Floats) -> float | None:
    """The correlation of two estimates from their influences (T,), of ``times`` clusters each; None without either."""
    if not len(one) or not len(other):
        return None
    one, other = (each - times @ each / times.sum() for each in (one, other))
    size = float((times @ one**2) * (times @ other**2))
    return float(times @ (one * other)) / size**0.5 if size > 0 else None


def find_sizes(rate: Floats, half: Floats, se: Floats, limit: Floats, odds: Floats, correlation: Floats) -> Floats:
    """(G,) the smallest changes that are found with ``POWER`` on both scales, NaN where none is.

    Args:
        rate: (G,) in the reference; ``half``: what a difference has to exceed; ``se``: its standard error.
        limit: (G,) how many standard errors ``odds`` the change of the log-odds has to exceed.
        correlation: (G,) of both estimates, NaN: not known.
    """
    ends = np.stack([1 - rate, -rate])[:, :, None]
    known = np.broadcast_to(correlation[:, None], (*ends.shape[:2], _STEPS))

    def look(part: Floats) -> Floats:
        """The chance of finding changes that are these parts (2, G, F) of what is left to either end of the rates."""
        moved = rate[:, None] + ends * part
        ratio = moved * (1 - moved) / (rate * (1 - rate))[:, None]
        shift = np.abs(np.log(moved / (1 - moved)) - np.log(rate / (1 - rate))[:, None])
        first = (np.abs(ends) * part - half[:, None]) / (se[:, None] * np.sqrt((1 + ratio) / 2))
        second = shift / (odds[:, None] * np.sqrt((1 + 1 / ratio) / 2)) - limit[:, None]
        return find_joint(first, second, known)

    steps = np.linspace(0, 1, _STEPS, endpoint=False)
    low, width = np.zeros((*ends.shape[:2], 1)), 1.0
    found = np.zeros(ends.shape[:2], dtype=bool)
    for _ in range(3):  # each time within the step in which the power is reached
        enough = look(low + width * steps) >= POWER
        found |= enough.any(axis=-1)
        low = low + width * np.maximum(steps[enough.argmax(axis=-1)] - steps[1], 0.0)[..., None]
        width = width * steps[1] * _STEPS / (_STEPS - 1)
    size = np.where(found, np.abs(ends[..., 0]) * (low[..., 0] + width), np.nan)
    return np.asarray(np.fmax(size[0], size[1]), dtype=np.float64)


def find_joint(one: Floats, other: Floats, correlation: Floats) -> Floats:
    """P(X <= one, Y <= other) of standard normals, elementwise; the lower bound of it where the correlation is NaN."""
    from scipy.special import ndtr

    known = np.clip(np.nan_to_num(correlation), -0.999, 0.999)
    top = np.clip(one, -_FAR, _FAR)
    nodes, weights = _find_nodes()
    x = -_FAR + (top + _FAR)[..., None] * nodes
    inner = ndtr((other[..., None] - known[..., None] * x) / np.sqrt(1 - known**2)[..., None])
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    joint = (top + _FAR) * ((inner * density) @ weights)
    return np.where(np.isnan(correlation), np.maximum(0.0, ndtr(one) + ndtr(other) - 1), joint)


@lru_cache(maxsize=1)
def _find_nodes() -> tuple[Floats, Floats]:
    """Gauss and Legendre's nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2


def _take_half(one: Estimate) -> float | None:
    if one.value is None or one.low is None or one.high is None:
        return None
    return max(one.high - one.value, one.value - one.low)


@lru_cache(maxsize=4096)
def _find_quantile(level: float, df: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, level))
