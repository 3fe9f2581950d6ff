"""Numbers that describe the spread over groups: estimate, and an interval projected from the groups' levels.

Noise biases the largest difference (and the smallest level) of several groups, so these carry no verdict and no p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.exact import bound_level
from lorafair.statistics.grouping import Mask, name_gap, sum_clusters
from lorafair.statistics.interval import Estimate
from lorafair.statistics.resample import draw_weights
from lorafair.statistics.summary import Settings
from lorafair.statistics.table import Floats, Metric, Table

FLAT, LOST = 0.1, 0.01  # as for bootstrap-t elsewhere: what is no standard error, and how many resamples may have none
METHOD = "descriptive, projected from simultaneous intervals of the groups"


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


def bound_groups(metric: Metric, table: Table, attribute: str, settings: Settings) -> list[tuple[float, float]] | None:
    """Simultaneous bounds of the levels of all groups that have one: bootstrap-t with max-T, exact for small groups.

    Args:
        metric: the mean of its ``document_value``, or of ``y``.
        settings: the bounds hold together at ``1 - alpha``.

    Returns:
        None where a level has no bounds, or there are fewer than two clusters.
    """
    value: Callable[[Table], Floats] | None = getattr(metric, "document_value", None)
    per_document = table.y if value is None else value(table)
    known = ~np.isnan(per_document)
    plain = Table(per_document, table.cluster, table.groups, table.names, table.count).take(known)
    if plain.clusters < 2 or attribute not in plain.groups:
        return None
    plain = plain.keep(attribute, plain.names[attribute])
    member = plain.groups[attribute]
    masks = [member[:, k] for k in range(member.shape[1]) if member[:, k].any()]
    value_of, error, t = _studentise_means(plain, masks, settings)
    large = [
        plain.count[mask].sum() >= settings.min_n and len(np.unique(plain.cluster[mask])) >= settings.min_clusters
        for mask in masks
    ]
    usable = np.array(large) & (error > 1e-9) & (np.isinf(t).mean(axis=0) <= LOST)
    share = bool(plain.y.min() >= 0 and plain.y.max() <= 1)
    if not share and not usable.all():
        return None
    level = settings.alpha * usable.mean()  # alpha / g is left for each of the g groups that are bounded exactly
    top = np.sort(np.abs(t[:, usable]).max(axis=1, initial=0.0))
    quantile = top[min(len(top), int(np.ceil((1 - level) * (len(top) + 1)))) - 1]
    bounds = []
    for k, mask in enumerate(masks):
        if usable[k]:
            ends = value_of[k] + np.array([-1.0, 1.0]) * quantile * error[k]
            low, high = np.clip(ends, 0.0, 1.0) if share else ends
            bounds.append((float(low), float(high)))
        else:
            bounds.append(bound_level(plain, mask, settings.alpha / len(masks)))
    return bounds


def _studentise_means(table: Table, masks: Sequence[Mask], settings: Settings) -> tuple[Floats, Floats, Floats]:
    """(g,) means of ``y`` over each group, (g,) their standard errors, (B, g) studentised resamples, in one product.

    With sums A and N of values and documents over clusters c, ``r = A / N`` and ``u_c = (A_c - r N_c) / N``:
    ``se^2 = C/(C-1) sum_c u_c^2``; in a resample the same with its weights, its r and its N.  A resample whose standard
    error is lost, below ``FLAT`` of the sample's, is infinite.
    """
    member = np.column_stack([mask.astype(np.float64) for mask in masks])
    a, n = sum_clusters(member * table.y[:, None], table), sum_clusters(member, table)
    drawn = draw_weights(table.clusters, settings.resamples, settings.seed)
    w = np.vstack([np.ones((1, table.clusters)), drawn])
    with np.errstate(divide="ignore", invalid="ignore"):
        size = w @ n
        r = (w @ a) / size
        variance = (w @ (a * a) - 2 * r * (w @ (a * n)) + r * r * (w @ (n * n))) / size**2
        error = np.sqrt(np.maximum(variance, 0.0) * table.clusters / (table.clusters - 1))
        t = (r[1:] - r[0]) / error[1:]
    t[~(error[1:] > np.maximum(FLAT * error[0], 1e-9)) | ~np.isfinite(t)] = np.inf
    return r[0], error[0], t
