"""Numbers that describe the spread over groups: estimate, and an interval projected from the groups' levels.

Noise biases the largest difference (and the smallest level) of several groups, so these carry no verdict and no p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.exact import bound_level
from lorafair.statistics.grouping import Mask, name_gap
from lorafair.statistics.interval import Estimate
from lorafair.statistics.projection import METHOD, project_change
from lorafair.statistics.resample import take_draw
from lorafair.statistics.summary import Settings
from lorafair.statistics.table import Floats, Metric, Table

FLAT, LOST = 0.1, 0.01  # as for bootstrap-t elsewhere: what is no standard error, and how many resamples may have none


def describe(metric: Metric, table: Table, settings: Settings) -> dict[str, Estimate]:
    """The metric's number for each attribute.

    ``metric.parts`` are the metrics whose levels it is made of, ``metric.project`` takes their simultaneous bounds
    [(low, high), …] to bounds of the number; of several parts (each at ``alpha`` over their number) the largest counts.
    No interval where a level has no bounds: values outside [0, 1] in a group too small for bootstrap-t.

    Args:
        metric: by the contract, giving ``gap`` or ``gap:<attribute>``.
        table: one model's documents with all the columns that the metric needs.
        settings: B, seed, alpha, and the size from which on a group gets a bootstrap-t interval.
    """
    values = metric(table, table.count[None, :])
    parts: tuple[Metric, ...] = getattr(metric, "parts", ())
    found = {}
    for attribute in table.groups:
        value = float(values[name_gap(table, attribute)][0])
        if not np.isfinite(value):
            found[attribute] = Estimate(None)
            continue
        share = replace(settings, alpha=settings.alpha / max(1, len(parts)))
        bounds = [bound_groups(part, table, attribute, share) for part in parts]
        if not bounds or any(each is None for each in bounds):
            found[attribute] = Estimate(value, method="descriptive")
            continue
        ends = [getattr(metric, "project")(each) for each in bounds]  # noqa: B009
        low, high = (max(end[k] for end in ends) for k in (0, 1))
        found[attribute] = Estimate(value, None, low, high, METHOD)
    return found


def compare_described(
    metric: Metric, one: Table, other: Table, attribute: str, settings: Settings
) -> tuple[float | None, float | None, float | None]:
    """The difference of the number between two models over the same documents, with a projected interval.

    Args:
        metric: as :func:`describe`.
        one, other: both models' tables of the same documents.
        attribute: whose groups.
        settings: as :func:`describe`.

    Returns:
        (one minus other, low, high); None where there is no number, or no bounds.
    """
    tables = [table.keep(attribute, table.names[attribute]) for table in (one, other)]
    values = [float(metric(table, table.count[None, :])["gap"][0]) for table in tables]
    difference = values[0] - values[1] if np.isfinite(values).all() else None
    parts: tuple[Metric, ...] = getattr(metric, "parts", ())
    share = replace(settings, alpha=settings.alpha / max(1, len(parts)))
    found = [_bound_pair(part, tables, attribute, share) for part in parts]
    if difference is None or not found or any(each is None or len(each[0]) < 2 for each in found):
        return difference, None, None
    bounds = list(zip(*(each for each in found if each is not None), strict=True))
    low, high = project_change(getattr(metric, "project"), *bounds)  # noqa: B009
    return difference, low, high


def _bound_pair(
    part: Metric, tables: Sequence[Table], attribute: str, settings: Settings
) -> list[list[tuple[float, float]]] | None:
    """Bounds, all simultaneous, of both models' levels and of their paired differences, over the groups."""
    values = [_value_documents(part, table) for table in tables]
    return bound_levels([*values, values[0] - values[1]], tables[0], attribute, settings)


def _value_documents(metric: Metric, table: Table) -> Floats:
    value: Callable[[Table], Floats] | None = getattr(metric, "document_value", None)
    return table.y if value is None else value(table)


def bound_groups(metric: Metric, table: Table, attribute: str, settings: Settings) -> list[tuple[float, float]] | None:
    """Simultaneous bounds of the levels of all groups that have one: see :func:`bound_levels`.

    Args:
        metric: the mean of its ``document_value``, or of ``y``.
        settings: the bounds hold together at ``1 - alpha``.
    """
    found = bound_levels([_value_documents(metric, table)], table, attribute, settings)
    return None if found is None else found[0]


def bound_levels(
    values: Sequence[Floats], table: Table, attribute: str, settings: Settings
) -> list[list[tuple[float, float]]] | None:
    """Simultaneous bounds of the means of several values over groups: bootstrap-t with max-T, exact for small groups.

    Args:
        values: (n,) each, NaN where a document does not count.
        table: whose groups and clusters count.
        settings: the bounds hold together at ``1 - alpha``.

    Returns:
        for each of the values, (low, high) of each group that has documents; None where a level has no bounds (values
        outside [-1, 1] in a group too small for bootstrap-t), or there are fewer than two clusters.
    """
    known = ~np.isnan(np.sum(values, axis=0))
    first = Table(values[0], table.cluster, table.groups, table.names, table.count).take(known)
    if first.clusters < 2 or attribute not in first.groups:
        return None
    first = first.keep(attribute, first.names[attribute])
    each = [replace(first, y=value[known]) for value in values]
    member = first.groups[attribute]
    masks = [member[:, k] for k in range(member.shape[1]) if member[:, k].any()]
    cells = [(one, mask) for one in each for mask in masks]
    value_of, error, t, clusters = _studentise_means(each, masks, settings)
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
    tables: Sequence[Table], masks: Sequence[Mask], settings: Settings
) -> tuple[Floats, Floats, Floats, list[int]]:
    """The means of ``y`` over the rows of each mask, the masks of the first table first: g cells.

    With sums A and N of values and documents over clusters c, ``r = A / N`` and ``u_c = (A_c - r N_c) / N``:
    ``se^2 = C/(C-1) sum_c u_c^2``; in a resample the same with its weights, its r and its N.  A resample whose standard
    error is lost, below ``FLAT`` of the sample's, is infinite.

    Returns:
        (g,) means, (g,) their standard errors, (g, B) studentised resamples, and each mask's number of clusters.
    """
    first, n = tables[0], tables[0].clusters
    draw = take_draw(n, settings.resamples, settings.seed)
    draw.make_room()
    rows = [np.flatnonzero(mask) for mask in masks]
    codes = [first.cluster[each] for each in rows]

    def add(values: Floats) -> list[Floats]:
        return [np.bincount(code, values[each], n).astype(np.float64) for code, each in zip(codes, rows, strict=True)]

    sums = [a for one in tables for a in add(one.y * one.count)], add(first.count) * len(tables)
    places = [(draw.place(a), draw.place(b)) for a, b in zip(*sums, strict=True)]
    draw.prepare(places)

    def multiply(one: int, other: int) -> tuple[Floats, Floats]:
        """(g,) and (g, B) means of the product of two sums, over all clusters and over those of each resample."""
        whole = np.array([np.mean(a * b) for a, b in zip(sums[one], sums[other], strict=True)])
        return whole, np.stack([draw.product(at[one], at[other]) for at in places])

    def average(which: int) -> tuple[Floats, Floats]:
        whole = np.array([each.mean() for each in sums[which]])
        return whole, np.stack([draw.mean(at[which]) for at in places])

    parts = average(0), average(1), multiply(0, 0), multiply(0, 1), multiply(1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        (r, error), (drawn, errors) = (_divide_sums(*each, n) for each in zip(*parts, strict=True))
        t = (drawn - r[:, None]) / errors
    t[~(errors > np.maximum(FLAT * error, 1e-9)[:, None]) | ~np.isfinite(t)] = np.inf
    return r, error, t, [int(np.count_nonzero(np.bincount(code))) for code in codes]


def _divide_sums(a: Floats, n: Floats, aa: Floats, an: Floats, nn: Floats, clusters: int) -> tuple[Floats, Floats]:
    """r and its standard error from the means of A, N and their products."""
    r = a / n
    variance = (aa - 2 * r * an + r * r * nn) / n**2
    return r, np.sqrt(np.maximum(variance, 0.0) / (clusters - 1))
