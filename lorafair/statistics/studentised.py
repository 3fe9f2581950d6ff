"""Studentised cluster bootstrap of a smooth combination of estimands: ``theta = sum_p sign_p g_p(r_p)``.

Each ``r_p`` is a ratio of sums over clusters, such as a rate, and ``g_p`` is the identity or, for log-odds, the logit
(:mod:`lorafair.statistics.log_odds`).  With jackknife influence values ``u_c = (C-1)(r - r_without_c)`` over C clusters
``theta`` has the influence ``z_c = sum_p sign_p g_p'(r_p) u_pc`` and the standard error
``se^2 = sum_c (z_c - mean z)^2 / (C (C-1))``.  In a resample with cluster weights ``W_c`` the same sum is taken with
the weights ``W_c`` and with ``(u_c - (r*_b - r) m_c) / M_b`` in place of ``u_c`` and the slope at ``r*_b``, where
``m_c`` is the cluster's share of the documents over its mean and ``M_b`` its mean in the resample.  For a ratio of sums
that is the ratio's influence in the resample.  Then ``t*_b = (theta*_b - theta) / se*_b``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations_with_replacement

import numpy as np

from lorafair.statistics.draw import Draw
from lorafair.statistics.resample import Sampled
from lorafair.statistics.table import Floats

FLAT = 0.1  # below this share of the sample's own, a resample's standard error is what rounding leaves: it has none
DEGENERATE = 0.01  # share of resamples without a standard error above which bootstrap-t is not used


@dataclass(frozen=True)
class Studentised:
    """theta, its standard error and the (B,) studentised resamples; ``usable`` unless too many have no error.

    ``influence`` (C,) holds ``z_c``; empty where there is no standard error.  ``unseen``: variance that the clusters do
    not show, of log-odds (:func:`lorafair.statistics.confirmation.compare_changes`).
    """

    value: float
    se: float
    t: Floats
    usable: bool
    influence: Floats
    unseen: float = 0.0

    @property
    def linear(self) -> tuple[float, float, Floats]:
        """Value, standard error and influence, which is what further resamples take where clusters are even."""
        return self.value, self.se, self.influence


@dataclass(frozen=True)
class Part:
    """One term ``sign * g(r)``: all arrays carry the sign and the slope that the docstring of this file names.

    ``value``: the term; ``moved`` (B,): the term in each resample minus ``value``; ``influence`` (T,): raw ``u_c`` of
    ``r``; ``shift`` (B,): raw ``r*_b - r``; ``mass`` (T,): ``m_c``; ``slope``: ``sign g'(r)``; ``slopes`` (B,): in each
    resample, (1,) where it is the same in all.  ``places``: of the influence and the mass in the draw.
    """

    value: float
    moved: Floats
    influence: Floats
    shift: Floats
    mass: Floats
    slope: float
    slopes: Floats
    places: tuple[int, int]


def take_part(sampled: Sampled, key: str, sign: float = 1.0) -> Part:
    """The term ``sign * theta[key]``, without a transformation."""
    told = (sampled.draw.emptied, key, sign)
    if told not in sampled.parts:
        sampled.parts[told] = _make_part(sampled, key, sign)
    part: Part = sampled.parts[told]
    return part


def _make_part(sampled: Sampled, key: str, sign: float) -> Part:
    k = sampled.keys.index(key)
    shift = sampled.bootstrap[:, k] - sampled.estimate[k]
    influence = (sampled.clusters - 1) * (sampled.estimate[k] - sampled.jackknife[:, k])
    draw, mass = sampled.draw, sampled.mass[:, k]
    if sampled.halves is None:
        place = draw.place(influence)
    else:
        one, other = (take_part(each, key) for each in sampled.halves)
        place = draw.place_difference(influence, one.places[0], other.places[0])
    if len(sampled.linear) and sampled.linear[k]:
        draw.know_mean(place, shift)
    places = place, draw.place(mass)
    slopes = np.array([sign])
    return Part(float(sign * sampled.estimate[k]), sign * shift, influence, shift, mass, sign, slopes, places)


def studentise(sampled: Sampled, key: str, minus: str | None = None) -> Studentised:
    """The studentised bootstrap distribution of ``theta[key] - theta[minus]`` (of ``theta[key]`` without ``minus``)."""
    return combine([take_part(sampled, key)] + ([take_part(sampled, minus, -1.0)] if minus else []), sampled.draw)


def studentise_all(
    sampled: Sampled, wanted: Iterable[tuple[str, str | None]]
) -> dict[tuple[str, str | None], Studentised]:
    """:func:`studentise` of several, those that were not asked for before at once; all that were asked for so far."""
    made: dict[tuple[str, str | None], Studentised] = sampled.parts.setdefault("studentised", {})
    new = [two for two in dict.fromkeys(wanted) if two not in made]
    sums = [[take_part(sampled, key, sign) for key, sign in zip(two, (1.0, -1.0), strict=True) if key] for two in new]
    made.update(zip(new, combine_all(sums, sampled.draw), strict=True))
    return made


def combine(parts: Sequence[Part], draw: Draw) -> Studentised:
    """Studentise the sum of the parts; all are over the same clusters and the same B resamples."""
    return combine_all([parts], draw)[0]


def combine_all(sums: Sequence[Sequence[Part]], draw: Draw) -> list[Studentised]:
    """Studentise several sums of parts over the same draw, those of one form at once."""
    columns = [list_columns(parts, draw) for parts in sums]
    draw.prepare([[part.places[1] for parts in sums for part in parts]] if draw.few else columns, not draw.few)
    forms: dict[tuple[tuple[tuple[int, ...], int], ...], list[int]] = {}
    for i, parts in enumerate(sums):
        place = {each: k for k, each in enumerate(columns[i])}
        told = tuple((tuple(place.get(each, -1) for each in part.places), len(part.slopes)) for part in parts)
        forms.setdefault(told, []).append(i)
    found: dict[int, Studentised] = {}
    for told, alike in forms.items():
        form = tuple(places for places, _ in told)
        made = _combine([sums[i] for i in alike], [columns[i] for i in alike], form, draw)
        found.update(zip(alike, made, strict=True))
    return [found[i] for i in range(len(sums))]


def list_columns(parts: Sequence[Part], draw: Draw) -> list[int]:
    """The places whose moments the parts' standard error needs: influences and masses, each once, none flat."""
    places = dict.fromkeys(place for k in (0, 1) for part in parts for place in (part.places[k],))
    return [place for place in places if not draw.is_flat(place)]


def _combine(
    sums: Sequence[Sequence[Part]], columns: Sequence[Sequence[int]], form: tuple[tuple[int, ...], ...], draw: Draw
) -> list[Studentised]:
    """S sums of one form: ``form`` says for each part which of the sum's columns its influence and mass are."""
    n, size = draw.clusters, len(sums)
    value = np.array([sum(part.value for part in parts) for parts in sums])
    total = np.array([reduce(np.add, [part.slope * part.influence for part in parts]) for parts in sums])
    se = np.full(size, np.nan)
    if n > 1:
        se = np.sqrt((total - (total @ draw.times / n)[:, None]) ** 2 @ draw.times / (n * (n - 1)))
    unusable = [Studentised(float(each), np.nan, np.empty(0), False, np.empty(0)) for each in value]
    able = np.isfinite(value) & np.isfinite(se)
    if not able.any():
        return unusable
    # z_bc = sum_k factor_bk column_kc over the columns that vary over c
    factors: list[Floats | None] = [None] * len(columns[0])
    for k, (influence, mass) in enumerate(form):
        slopes = np.stack([parts[k].slopes for parts in sums])
        mean = np.stack([draw.mean_short(parts[k].places[1]) for parts in sums])
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(mean > 0, slopes / mean, np.nan)
        if influence >= 0:
            factors[influence] = _add(factors[influence], scale)
        if mass >= 0:
            factors[mass] = _add(factors[mass], -scale * np.stack([parts[k].shift for parts in sums]))
    known = [each for each in factors if each is not None]
    variance = (_spread_few if draw.few else _spread_many)(known, columns, draw)
    error = np.sqrt(np.maximum(variance, 0.0) / (n - 1))
    moved = np.array([reduce(np.add, [part.moved for part in parts]) for parts in sums])
    t, lost = divide_errors(moved, error, value, se)
    return [
        Studentised(float(value[i]), float(se[i]), t[i], bool(se[i] > 1e-9 and lost[i] <= DEGENERATE), total[i])
        if able[i]
        else unusable[i]
        for i in range(size)
    ]


def divide_errors(moved: Floats, error: Floats, value: Floats, se: Floats) -> tuple[Floats, Floats]:
    """(S, B) studentised resamples, infinite where a resample has no error, and (S,) the share of those.

    Args:
        moved, error: (S, B) each resample's distance from the estimate, and its standard error.
        value, se: (S,) the estimates and theirs.
    """
    flat = ~(error > np.maximum(FLAT * se, 1e-9 * np.maximum(1.0, np.abs(value)))[:, None])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = moved / error
        if not flat.any() and np.isfinite(t.sum()):  # as nearly always
            return t, np.zeros(len(t))
    t = np.where(flat, np.where(np.abs(moved) < 1e-12, 0.0, np.inf), t)
    t[np.isnan(t)] = np.inf
    return t, np.mean(flat | np.isinf(t), axis=1)


def _add(one: Floats | None, other: Floats) -> Floats:
    return other if one is None else one + other


def _spread_many(factors: Sequence[Floats], columns: Sequence[Sequence[int]], draw: Draw) -> Floats:
    """(S, B) variances of ``z_b`` over the drawn clusters, ``z_bc = sum_k factors_k,s,b column_k,c``: by products."""
    shape = len(columns), len(draw.weights)
    mean, variance = np.zeros(shape), np.zeros(shape)
    for k, factor in enumerate(factors):
        mean += factor * np.stack([draw.mean(places[k]) for places in columns])
    for i, j in combinations_with_replacement(range(len(factors)), 2):
        term = np.stack([draw.product(places[i], places[j]) for places in columns])
        term *= factors[i] * factors[j] * (1 if i == j else 2)
        variance += term
    mean *= mean
    variance -= mean
    return variance


def _spread_few(factors: Sequence[Floats], columns: Sequence[Sequence[int]], draw: Draw) -> Floats:
    """The same from ``z`` itself, for few kinds of clusters."""
    variance = np.zeros((len(columns), len(draw.weights)))
    whole = np.stack([np.broadcast_to(each, variance.shape) for each in factors]) if factors else variance[None]
    for s, places in enumerate(columns if len(factors) else ()):
        z = whole[:, s].T @ np.array([draw.column(k) for k in places])
        z -= (np.einsum("bt,bt->b", z, draw.weights) / draw.clusters)[:, None]
        z *= z
        variance[s] = np.einsum("bt,bt->b", z, draw.weights) / draw.clusters
    return variance
