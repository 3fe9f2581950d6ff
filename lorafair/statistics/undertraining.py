"""How much of a rank effect under-training explains: the gap against rank, with and without how far training went.

Das et al. 2024 train every rank with one learning rate for one epoch and find that low ranks keep the base's bias;
Ding et al. 2024 tune each method and find no effect of rank.  If low ranks were only trained less far, checkpoints of
all ranks lie on one curve of the gap against the distance from the base.  With run ``j`` of rank ``r``, its gap ``y``
and its distance ``x`` (KL divergence from the base, or a held-out loss, on a stated scale), the model is that of a
covariance analysis,

    y_j = a_r + b x_j + e_j

``b`` is estimated *within* ranks (which learning rates and epochs move apart), never from the difference between ranks:
otherwise a rank effect of its own would be taken for under-training.  The rank effect as a reader sees it is ``c_r``, a
rank's mean gap minus the mean of all; of it ``m_r = b (mean x of the rank - mean x)`` goes through the distance, and
``a_r`` is left.  The share that under-training explains is the part of c along which m points,

    share = sum n_r c_r m_r / (sum n_r c_r^2 - (K - 1) s^2)

(s^2: residual variance; without it noise between K ranks would count as an effect).  It is 0 where rank acts apart from
the distance, 1 where ranks collapse onto one line, one half where both do as much; below 0 or above 1 where they act
against each other.  This is the proportion mediated of the product method (Baron and Kenny 1986; VanderWeele 2016), and
shares its assumptions: the distance is not itself moved by the gap, and nothing else moves both within a rank.

No share is given where the ranks do not differ by more than noise (F test), or where nothing but rank moves the
distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ALPHA = 0.05


@dataclass(frozen=True)
class Explained:
    """``share`` with its interval, or None and ``reason``.

    ``slope``: b; ``p_slope``: F test of b = 0; ``p_before``: of equal mean gaps of the ranks, against s^2;
    ``p_after``: of equal gaps at equal distance.
    ``monotone``: the share with any monotone curve in place of the line, None where it is not estimable.  ``runs``,
    ``ranks``: how many.  ``overlap``: share of the runs whose distance lies within the range of every rank.
    """

    share: float | None
    low: float | None
    high: float | None
    reason: str
    slope: float | None
    p_slope: float | None
    p_before: float | None
    p_after: float | None
    monotone: float | None
    runs: int
    ranks: int
    overlap: float


def explain_rank_effect(
    gap: Floats, distance: Floats, rank: NDArray[np.int_], *, resamples: int = 2000, seed: int = 0
) -> Explained:
    """The share of the rank effect on ``gap`` that ``distance`` explains; see the module.

    The interval is an expanded percentile interval (Hesterberg 2015: the normal tails of Student's t with n - K - 1
    degrees of freedom) of a residual bootstrap: distances and ranks stay, residuals, scaled by sqrt(n / degrees of
    freedom), are drawn anew.  It speaks of runs like these on these documents.

    Args:
        gap, distance, rank: (n,) one of each run; runs with a value that is not finite are left out.

    Returns:
        an :class:`Explained`; never NaN.
    """
    from scipy import stats

    held = np.isfinite(gap) & np.isfinite(distance)
    y, x, code = gap[held].astype(float), distance[held].astype(float), rank[held]
    names, group, sizes = np.unique(code, return_inverse=True, return_counts=True)
    n, k = len(y), len(names)
    free = n - k - 1
    empty = {"slope": None, "p_slope": None, "p_before": None, "p_after": None, "monotone": None}
    spread = {"runs": n, "ranks": k, "overlap": _overlap(x, group, k)}

    def refuse(reason: str, **known: float | None) -> Explained:
        return Explained(None, None, None, reason, **(empty | known), **spread)  # type: ignore[arg-type]

    if k < 2:
        return refuse("fewer than two ranks")
    if free < 2:
        return refuse(f"{n} runs of {k} ranks: at least {k + 3} are needed (more learning rates, epochs or seeds)")
    within = x - _means(x, group, sizes)[group]
    if (within @ within) <= 1e-12 * max(1e-300, float(np.sum((x - x.mean()) ** 2))):
        return refuse("nothing but rank moves the distance: vary learning rate or epochs")
    slope, effect, through, residual = _fit(y[None, :], x, group, sizes)
    variance = float(residual[0] @ residual[0]) / free
    error = y - _means(y, group, sizes)[group]
    if variance <= 1e-18 * max(1e-300, float(np.sum((y - y.mean()) ** 2))):
        variance = 0.0
    total = float(np.sum((y - y.mean()) ** 2))
    inside = float(error @ error)
    p_before = _f_test(total - inside, k - 1, variance * free, free, stats)
    line = x - x.mean()
    alone = y - y.mean() - line * float(line @ y) / float(line @ line)
    p_after = _f_test(float(alone @ alone) - variance * free, k - 1, variance * free, free, stats)
    p_slope = _f_test(inside - variance * free, 1, variance * free, free, stats)
    known: dict[str, float | None] = {
        "slope": float(slope[0]), "p_slope": p_slope, "p_before": p_before, "p_after": p_after,
        "monotone": _share_of_monotone(y, x, group, sizes, variance),
    }  # fmt: skip
    noise = (k - 1) * variance
    size = float(np.sum(sizes * effect[0] ** 2)) - noise
    if p_before > ALPHA or size <= 0:
        return refuse("the ranks do not differ by more than noise: there is no effect to explain", **known)
    share = float(np.sum(sizes * effect[0] * through[0])) / size
    draws = np.random.default_rng(seed).integers(0, n, (resamples, n))
    fitted = y - residual[0]
    drawn = fitted + (residual[0] * np.sqrt(n / free))[draws]
    _, effects, throughs, residuals = _fit(drawn, x, group, sizes)
    sizes_of = (effects**2) @ sizes - (k - 1) * np.sum(residuals**2, axis=1) / free
    shares = ((effects * throughs) @ sizes)[sizes_of > 0] / sizes_of[sizes_of > 0]
    if len(shares) < 0.9 * resamples:
        return refuse("the rank effect is too small beside the noise for a share", **known)
    tail = float(stats.norm.cdf(stats.t.ppf(ALPHA / 2, free)))
    low, high = np.quantile(shares, [tail, 1 - tail])
    return Explained(share, float(low), float(high), "", **known, **spread)  # type: ignore[arg-type]


def _means(values: Floats, group: NDArray[np.intp], sizes: NDArray[np.int_]) -> Floats:
    found: Floats = np.bincount(group, weights=values, minlength=len(sizes)) / sizes
    return found


def _fit(
    y: Floats, x: Floats, group: NDArray[np.intp], sizes: NDArray[np.int_]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Slope (B,), rank effect c and its part through the distance m (B, K), residuals (B, n) of B vectors of gaps."""
    member = np.eye(len(sizes))[group] / sizes  # (n, K): a mean per rank
    centre = y @ member
    means = x @ member
    within = x - means[group]
    slope = y @ within / (within @ within)
    effect = centre - y.mean(axis=1, keepdims=True)
    through = slope[:, None] * (means - x.mean())
    residual = y - centre[:, group] - slope[:, None] * within
    return slope, effect, through, residual


def _f_test(explained: float, free: int, left: float, rest: int, stats: object) -> float:
    """p of an F test; 1 where nothing is explained, 0 where nothing is left."""
    if explained <= 1e-15:
        return 1.0
    if left <= 0:
        return 0.0
    return float(stats.f.sf((explained / free) / (left / rest), free, rest))  # type: ignore[attr-defined]


def _share_of_monotone(
    y: Floats, x: Floats, group: NDArray[np.intp], sizes: NDArray[np.int_], variance: float
) -> float | None:
    """The share with f monotone in place of b x: rank means and an isotonic fit, in turn (backfitting)."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(x, kind="stable")
    back = np.argsort(order, kind="stable")
    best: tuple[float, Floats] | None = None
    for rising in (True, False):
        level, curve = _means(y, group, sizes), np.zeros_like(y)
        for _ in range(200):
            curve = isotonic_regression((y - level[group])[order], increasing=rising).x[back]
            curve = curve - curve.mean()
            new = _means(y - curve, group, sizes)
            if np.allclose(new, level, rtol=0, atol=1e-12):
                break
            level = new
        left = float(np.sum((y - level[group] - curve) ** 2))
        if best is None or left < best[0]:
            best = (left, curve)
    effect = _means(y, group, sizes) - y.mean()
    size = float(np.sum(sizes * effect**2)) - (len(sizes) - 1) * variance
    if best is None or size <= 0:
        return None
    return float(np.sum(sizes * effect * _means(best[1], group, sizes))) / size


def _overlap(x: Floats, group: NDArray[np.intp], k: int) -> float:
    """Share of the runs whose distance every rank reaches from both sides."""
    if k == 0 or len(x) == 0:
        return 0.0
    low = max(x[group == g].min() for g in range(k))
    high = min(x[group == g].max() for g in range(k))
    return float(np.mean((x >= low) & (x <= high)))
