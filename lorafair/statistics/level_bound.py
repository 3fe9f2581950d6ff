"""Simultaneous bounds of the means of groups: what intervals of descriptive numbers are projected from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.exact import bound_level
from lorafair.statistics.grouping import Mask
from lorafair.statistics.resample import take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Table

KEPT = 4096
"""Bounds that are kept for who asks again."""
_known: dict[bytes, list[list[tuple[float, float]]] | None] = {}
FLAT, LOST = 0.1, 0.01  # as for bootstrap-t elsewhere: what is no standard error, and how many resamples may have none


def bound_levels(
    values: Sequence[Floats], table: Table, attribute: str, settings: Settings, *, apart: bool = False
) -> list[list[tuple[float, float]]] | None:
    """Simultaneous bounds of the means of several values over groups: bootstrap-t with max-T, exact for small groups.

    Asked again for the same numbers, as of a metric that is made of the same levels, they are not computed again.

    Args:
        values: (n,) each, NaN where a document does not count.
        table: whose groups and clusters count.
        settings: the bounds hold together at ``1 - alpha``.
        apart: the first minus the second of two values is a third one.

    Returns:
        for each of the values, (low, high) of each group that has documents; None where a level has no bounds (values
        outside [-1, 1] in a group too small for bootstrap-t), or there are fewer than two clusters.
    """
    if attribute not in table.groups:
        return None
    said = hashlib.sha256(repr((settings, apart, table.names[attribute], len(values))).encode())
    for one in (*values, table.cluster, table.count, table.groups[attribute]):
        said.update(np.ascontiguousarray(one).data)
    key = said.digest()
    if key not in _known:
        while len(_known) >= KEPT:
            del _known[next(iter(_known))]
        _known[key] = _bound_levels(values, table, attribute, settings, apart)
    return _known[key]


def _bound_levels(
    values: Sequence[Floats], table: Table, attribute: str, settings: Settings, apart: bool
) -> list[list[tuple[float, float]]] | None:
    known = ~np.isnan(np.sum(values, axis=0))
    first = Table(values[0], table.cluster, table.groups, table.names, table.count).take(known)
    if first.clusters < 2 or attribute not in first.groups:
        return None
    first = first.keep(attribute, first.names[attribute])
    each = [replace(first, y=value[known]) for value in values]
    member = first.groups[attribute]
    masks = [member[:, k] for k in range(member.shape[1]) if member[:, k].any()]
    value_of, error, t, clusters = _studentise_means(each, masks, settings, apart)
    if apart:
        each.append(replace(first, y=each[0].y - each[1].y))
    cells = [(one, mask) for one in each for mask in masks]
    large = [
        first.count[mask].sum() >= settings.min_n and number >= settings.min_clusters
        for mask, number in zip(masks, clusters, strict=True)
    ]
    usable = np.tile(large, len(each)) & (error > 1e-9) & (np.isinf(t).mean(axis=1) <= LOST)
    ranges = [(float(one.y.min()), float(one.y.max())) for one in each]
    least = [0.0 if low >= 0 else -1.0 for low, _ in ranges]
    inside = [high <= 1 and low >= -1 for low, high in ranges]
    if not all(inside) and not usable.all():
        return None
    level = settings.alpha * usable.mean()  # alpha / g is left for each of the g cells that are bounded exactly
    top = np.sort(np.abs(t[usable]).max(axis=0, initial=0.0))
    quantile = top[min(len(top), int(np.ceil((1 - level) * (len(top) + 1)))) - 1]
    bounds = []
    for k, (one, mask) in enumerate(cells):
        which = k // len(masks)
        if usable[k]:
            ends = value_of[k] + np.array([-1.0, 1.0]) * quantile * error[k]
            low, high = np.clip(ends, least[which], 1.0) if inside[which] else ends
            bounds.append((float(low), float(high)))
        else:
            bounds.append(bound_level(one, mask, settings.alpha / len(cells), signed=least[which] < 0))
    return [bounds[k : k + len(masks)] for k in range(0, len(bounds), len(masks))]


def _studentise_means(
    tables: Sequence[Table], masks: Sequence[Mask], settings: Settings, apart: bool
) -> tuple[Floats, Floats, Floats, list[int]]:
    """The means of ``y`` over the rows of each mask, the masks of the first table first: g cells.

    With sums A and N of values and documents over clusters c, ``r = A / N`` and ``u_c = (A_c - r N_c) / N``:
    ``se^2 = C/(C-1) sum_c u_c^2``; in a resample the same with its weights, its r and its N.  A resample whose standard
    error is lost, below ``FLAT`` of the sample's, is infinite.

    Returns:
        (g,) means, (g,) their standard errors, (g, B) studentised resamples, and each mask's number of clusters; the
        cells of the first table minus the second last, where ``apart``.
    """
    first, n = tables[0], tables[0].clusters
    draw = take_draw(n, settings.resamples, settings.seed)
    draw.make_room()
    rows = [np.flatnonzero(mask) for mask in masks]
    codes = [first.cluster[each] for each in rows]

    def add(values: Floats) -> list[Floats]:
        return [np.bincount(code, values[each], n).astype(np.float64) for code, each in zip(codes, rows, strict=True)]

    sums, sizes = [a for one in tables for a in add(one.y * one.count)], add(first.count)
    places = [draw.place(a) for a in sums]
    if apart:
        halves = list(zip(places[: len(masks)], places[len(masks) :], strict=True))
        sums += [a - b for a, b in zip(sums[: len(masks)], sums[len(masks) :], strict=True)]
        places += [draw.place_difference(a, *two) for a, two in zip(sums[2 * len(masks) :], halves, strict=True)]
    many = len(sums) // len(masks)
    behind = [draw.place(each) for each in sizes] * many
    sizes *= many
    even = all(draw.is_flat(place) for place in behind)
    draw.prepare([[place] for place in places] if even else zip(places, behind, strict=True))

    def multiply(at: list[int], to: list[int]) -> Floats:
        """(g, B) means of the product of two sums over the clusters of each resample."""
        return np.stack([draw.product(*two) for two in zip(at, to, strict=True)])

    def average(at: list[int]) -> Floats:
        return np.stack([draw.mean(place) for place in at])

    a, size = np.array(sums), np.array(sizes)
    whole = a.mean(axis=1), size.mean(axis=1), (a * a).mean(axis=1), (a * size).mean(axis=1), (size * size).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        r, error = _divide_sums(*whole, n)
        if even:  # every cluster has as many documents of the group as any other
            drawn, errors = _divide_even(average(places), multiply(places, places), size[:, :1], n)
        else:
            many_n, n_n = average(behind), multiply(behind, behind)
            drawn, errors = _divide_sums(
                average(places), many_n, multiply(places, places), multiply(places, behind), n_n, n
            )
        t = (drawn - r[:, None]) / errors
    t[~(errors > np.maximum(FLAT * error, 1e-9)[:, None]) | ~np.isfinite(t)] = np.inf
    return r, error, t, [int(np.count_nonzero(np.bincount(code))) for code in codes]


def _divide_even(a: Floats, aa: Floats, size: Floats, clusters: int) -> tuple[Floats, Floats]:
    """r and its standard error from the means of A and of its square, N being the same in all clusters."""
    return a / size, np.sqrt(np.maximum(aa - a * a, 0.0) / (clusters - 1)) / size


def _divide_sums(a: Floats, n: Floats, aa: Floats, an: Floats, nn: Floats, clusters: int) -> tuple[Floats, Floats]:
    """r and its standard error from the means of A, N and their products."""
    r = a / n
    variance = (aa - 2 * r * an + r * r * nn) / n**2
    return r, np.sqrt(np.maximum(variance, 0.0) / (clusters - 1))
