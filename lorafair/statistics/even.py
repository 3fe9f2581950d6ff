"""What models and their paired differences need of the resamples, of several at once, where clusters are even.

Where every cluster has as many documents of a group as any other, a mean is linear in the clusters' sums: the
influences ``u`` of :mod:`lorafair.statistics.studentised` stay the same in every resample, their mean over the drawn
clusters is the resample's distance ``r*_b - r`` from the estimate, and ``theta`` with the slopes ``s_b`` of its parts
has the variance ``sum_ij s_bi s_bj C_bij`` over the drawn clusters, with ``C_bij`` the covariance of ``u_i`` and
``u_j`` over them.  A model's own ``C`` serve it and all its differences, and those between two models come from one
product of a matrix with the resamples' weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lorafair.statistics.draw import Draw
from lorafair.statistics.grouping import name_gap
from lorafair.statistics.log_odds import take_logit
from lorafair.statistics.resample import Sampled
from lorafair.statistics.shape import find_shape
from lorafair.statistics.studentised import DEGENERATE, Studentised, divide_errors
from lorafair.statistics.table import Floats, Table


@dataclass
class Even:
    """One model's levels of an attribute's G groups and (second row of each) of their rests; of everybody, G is 1.

    ``keys``: (2 or 1) x G; ``at``: their levels, ``u`` (…, T) influences, ``moved`` (…, B); ``logit``, ``slope`` at the
    levels, ``logits`` (…, B) moved and ``slopes`` (…, B) in the resamples; ``own``: the (G, B) covariances of group
    with group, group with rest and rest with rest, of everybody the first only.
    """

    keys: list[list[str]]
    at: Floats
    u: Floats
    moved: Floats
    logit: Floats
    slope: Floats
    logits: Floats
    slopes: Floats
    own: list[Floats] = field(default_factory=list)


def is_even(sampled: Sampled, table: Table) -> bool:
    """Whether a sample of a mean in [0, 1] can be asked here: clusters that are alike in size, and levels for all."""
    if sampled.draw.few or not len(sampled.linear) or len(sampled.draw.times) != sampled.clusters:
        return False
    gaps = {name_gap(table, attribute) for attribute in table.groups}
    used = [k for k, key in enumerate(sampled.keys) if key not in gaps]
    known = np.isfinite(sampled.estimate[used]).all() and np.isfinite(sampled.jackknife[:, used]).all()
    return sampled.clusters > 1 and bool(sampled.linear[used].all() and known)


def prepare_even(asked: Sequence[tuple[Table, Sequence[Sampled]]], apart: Mapping[tuple[int, int], Sampled]) -> None:
    """Studentise what the summaries of several models and pairs are made of.

    A model's contrasts and its levels' log-odds, and for its pairs the levels, are then found in its ``parts``, a
    pair's levels, contrasts and their log-odds in its difference's.

    Args:
        asked: (table, the model's sample, or both of a pair), all of one draw, of which :func:`is_even` is true.
        apart: (id, id) of a pair's samples -> their difference.
    """
    draw = asked[0][1][0].draw
    models: dict[int, tuple[Sampled, dict[str, Even]]] = {}
    for table, each in asked:
        for one in each:
            if id(one) not in models:
                models[id(one)] = one, one.parts.get("even") or _take_levels(one, table)
    new = [(one, levels) for one, levels in models.values() if "even" not in one.parts]
    pairs = [(table, each) for table, each in asked if len(each) == 2]
    left = [(e.u[i], e.u[j]) for _, levels in new for e in levels.values() for i, j in _list_own(e)]
    cross = [
        (e.u[i], other.u[j])
        for _, pair in pairs
        for e, other in zip(*(models[id(one)][1].values() for one in pair), strict=True)
        for i in range(len(e.u))
        for j in range(len(e.u))
    ]
    made = iter(_multiply([*left, *cross], draw))
    for one, levels in new:
        for e in levels.values():
            e.own = [next(made) - e.moved[i] * e.moved[j] for i, j in _list_own(e)]
        one.parts["even"] = levels
        _finish_model(one, levels, draw)
    for table, pair in pairs:
        difference = apart[id(pair[0]), id(pair[1])]
        studentised, odds = difference.parts.setdefault("studentised", {}), difference.parts.setdefault("odds", {})
        for (name, e), other in zip(models[id(pair[0])][1].items(), models[id(pair[1])][1].values(), strict=True):
            sides = range(len(e.u))
            both = [next(made) - e.moved[i] * other.moved[j] for i in sides for j in sides]
            studentised |= _subtract(e, other, both, draw)
            if len(e.u) == 2:
                odds[name] = dict(zip(table.names[name], _subtract_odds(e, other, both, draw), strict=True))


def _list_own(e: Even) -> list[tuple[int, int]]:
    return [(0, 0), (0, 1), (1, 1)][: 1 if len(e.u) == 1 else 3]


def _take_levels(sampled: Sampled, table: Table) -> dict[str, Even]:
    """Everybody's level under an empty name, and those of each attribute's groups."""
    shape, place = find_shape(table), {key: k for k, key in enumerate(sampled.keys)}
    found = {}
    for name in ("", *table.groups):
        ends = [f"{name}={each}" for each in table.names[name]] if name else []
        keys = [[f"{side}:{end}" for end in ends] for side in ("group", "rest")] if name else [["overall"]]
        at = np.array([[sampled.estimate[place[key]] for key in row] for row in keys])
        n = np.array([[float(shape.documents[key]) for key in row] for row in keys])
        columns = [place[key] for row in keys for key in row]
        u = (sampled.clusters - 1) * (sampled.estimate[columns, None] - sampled.jackknife.T[columns])
        drawn = sampled.bootstrap.T[columns].reshape(*at.shape, -1)
        logit, slope = take_logit(at, n)
        logits, slopes = take_logit(drawn, n[..., None])
        logits -= logit[..., None]
        moved = drawn - at[..., None]
        found[name] = Even(keys, at, u.reshape(*at.shape, -1), moved, logit, slope, logits, slopes)
    return found


def _multiply(columns: Sequence[tuple[Floats, Floats]], draw: Draw) -> list[Floats]:
    """The means over the drawn clusters of products of columns (G, T), a (G, B) matrix for each two."""
    ends = np.cumsum([len(one) for one, _ in columns])
    matrix = np.empty((int(ends[-1]) if len(ends) else 0, draw.weights.shape[1]))
    for end, (one, other) in zip(ends.tolist(), columns, strict=True):
        np.multiply(one, other, out=matrix[end - len(one) : end])
    made = matrix @ draw.weights.T
    made /= draw.clusters
    return np.split(made, ends[:-1])


def _finish_model(sampled: Sampled, levels: Mapping[str, Even], draw: Draw) -> None:
    studentised, logits = sampled.parts.setdefault("studentised", {}), sampled.parts.setdefault("logits", {})
    for e in levels.values():
        whole = _studentise(e.at[0], e.moved[0], e.own[0], e.u[0], draw)
        studentised.update(zip(((key, None) for key in e.keys[0]), whole, strict=True))
        scaled = e.own[0] * e.slopes[0] ** 2, e.u[0] * e.slope[0][:, None]
        logits.update(zip(e.keys[0], _studentise(e.logit[0], e.logits[0], *scaled, draw), strict=True))
        if len(e.keys) == 2:
            spread = e.own[0] - 2 * e.own[1] + e.own[2]
            made = _studentise(e.at[0] - e.at[1], e.moved[0] - e.moved[1], spread, e.u[0] - e.u[1], draw)
            studentised.update(zip(zip(*e.keys, strict=True), made, strict=True))


def _subtract(e: Even, other: Even, both: Sequence[Floats], draw: Draw) -> dict[tuple[str, str | None], Studentised]:
    """The differences of two models' levels and contrasts; ``both``: the covariances between the two."""
    at, moved, u = e.at - other.at, e.moved - other.moved, e.u - other.u
    variance = e.own[0] + other.own[0] - 2 * both[0]
    keys: list[tuple[str, str | None]] = [(key, None) for key in e.keys[0]]
    found = dict(zip(keys, _studentise(at[0], moved[0], variance, u[0], draw), strict=True))
    if len(e.keys) == 2:
        variance -= 2 * (e.own[1] + other.own[1] - both[1] - both[2])
        variance += e.own[2] + other.own[2] - 2 * both[3]
        made = _studentise(at[0] - at[1], moved[0] - moved[1], variance, u[0] - u[1], draw)
        found.update(zip(zip(*e.keys, strict=True), made, strict=True))
    return found


def _subtract_odds(e: Even, other: Even, both: Sequence[Floats], draw: Draw) -> list[Studentised]:
    """The differences of two models' log-odds ratios of groups to their rests."""
    variance = _spread_odds(e) + _spread_odds(other)
    for sign, (i, j), each in zip((-2, 2, 2, -2), ((0, 0), (0, 1), (1, 0), (1, 1)), both, strict=True):
        term = e.slopes[i] * other.slopes[j]
        term *= each
        term *= sign
        variance += term
    logit, moved = e.logit - other.logit, e.logits - other.logits
    influence = e.u * e.slope[..., None] - other.u * other.slope[..., None]
    return _studentise(logit[0] - logit[1], moved[0] - moved[1], variance, influence[0] - influence[1], draw)


def _spread_odds(e: Even) -> Floats:
    """(G, B) variances of a model's log-odds ratios, made once."""
    if len(e.own) == 3:
        group, rest = e.slopes
        e.own.append(group**2 * e.own[0] - 2 * group * rest * e.own[1] + rest**2 * e.own[2])
    return e.own[3]


def _studentise(value: Floats, moved: Floats, variance: Floats, influence: Floats, draw: Draw) -> list[Studentised]:
    """S estimands from (S, B) distances from the estimate and variances in the resamples, and (S, T) influences."""
    n = draw.clusters
    apart = influence - influence.mean(axis=1, keepdims=True)
    se = np.sqrt(np.einsum("st,st->s", apart, apart) / (n * (n - 1)))
    t, lost = divide_errors(moved, np.sqrt(np.maximum(variance, 0.0) / (n - 1)), value, se)
    usable = (se > 1e-9) & (lost <= DEGENERATE)
    told = zip(value.tolist(), se.tolist(), t, usable.tolist(), influence, strict=True)
    return [Studentised(*each) for each in told]
