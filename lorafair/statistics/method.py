"""The second kind of claim: about a method at a rank, from the checkpoints of several training seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.confirmation import compare_changes
from lorafair.statistics.crossed import estimate_crossed
from lorafair.statistics.detection import Scales, detect_changes
from lorafair.statistics.interval import Estimate
from lorafair.statistics.log_odds import compare_log_odds
from lorafair.statistics.pair import Column, Pair, sample_models
from lorafair.statistics.resample import Sampled
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import Studentised, studentise
from lorafair.statistics.summary import Summary, clip_levels
from lorafair.statistics.table import Metric, Table


def measure_method(
    column: Column,
    label: str,
    seeds: Sequence[str],
    references: Sequence[str] | None,
    metric: Metric,
    settings: Settings,
    keep: tuple[str, tuple[str, ...]] | None = None,
) -> Pair | None:
    """Levels of a method, or its paired differences from a reference, over the documents that all its seeds have.

    Args:
        column: values of all models.
        label: what the method is called.
        seeds: labels of its checkpoints, one per training seed, at least two.
        references: None for the method itself; one label (a fixed checkpoint), or one per seed (another method).
        metric: by the contract of metrics.
        settings: alpha, margin, and the sizes from which on a group carries a claim.
        keep: (attribute, names) to compare among these groups only.

    Returns:
        a pair whose summary has t intervals (:mod:`lorafair.statistics.crossed`); ``reference`` is "" without
        references.  None if the checkpoints share no document.
    """
    others = [] if references is None else list(references) * (1 if len(references) > 1 else len(seeds))
    shared = np.sum([column.values[one] for one in [*seeds, *others]], axis=0)
    tables = None if column.tables is None else {**column.tables, "": column.tables[seeds[0]]}
    masked = replace(column, values={**column.values, "": shared}, tables=tables)
    table, scored = masked.table("")
    if not len(table.y):
        return None
    if keep is not None:
        table = table.keep(*keep)

    def evaluate(one: str) -> Sampled:
        return sample_models(column, [one], table, scored, metric, settings, keep, alike=False)[0].first()

    mine, theirs = [evaluate(one) for one in seeds], [evaluate(one) for one in others]
    differences = [a.minus(b) for a, b in zip(mine, theirs, strict=True)] if theirs else mine
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True)] if theirs else [(a,) for a in mine]
    summary = _summarise(differences, pairs, table, settings, exact=column.bounded(metric))
    bounds: tuple[float, float] | None = getattr(column.function, "bounds", None)
    if bounds is not None and not theirs:
        summary = clip_levels(summary, *bounds)
    reference = others[0] if len(set(others)) == 1 else ""
    return Pair(column, label, reference, summary, seeds=tuple(seeds), versus=tuple(references or ()))


def _summarise(
    differences: list[Sampled],
    pairs: Sequence[tuple[Sampled, ...]],
    table: Table,
    settings: Settings,
    *,
    exact: bool,
) -> Summary:
    margin = settings.margin if len(pairs[0]) == 2 else None

    def settle(each: list[Studentised], family: int = 1, margin: float | None = margin) -> Estimate:
        return estimate_crossed(each, family=family, alpha=settings.alpha, margin=margin)

    overall = settle([studentise(one, "overall") for one in differences])
    found = Summary(overall, int(table.count.sum()), len(np.unique(table.cluster)))
    for attribute, member in table.groups.items():
        names = table.names[attribute]
        if f"group:{attribute}={names[0]}" not in differences[0].keys:
            continue  # a metric that is about groups itself gives none
        found.group_n[attribute] = {n: int(table.count[member[:, k]].sum()) for k, n in enumerate(names)}
        found.group_clusters[attribute] = {n: len(np.unique(table.cluster[member[:, k]])) for k, n in enumerate(names)}
        everybody = int(table.count[member.any(axis=1)].sum())
        some = {name: n for name, n in found.group_n[attribute].items() if n}
        claimed = sum(found.carries_claim(settings, attribute, name) for name in names)
        found.levels[attribute], found.contrasts[attribute] = {}, {}
        if exact:
            found.log_odds[attribute], found.changes[attribute] = {}, {}
        for k, name in enumerate(names):
            keys = f"group:{attribute}={name}", f"rest:{attribute}={name}"
            family = claimed if found.carries_claim(settings, attribute, name) else 1
            found.levels[attribute][name] = settle([studentise(one, keys[0]) for one in differences])
            found.contrasts[attribute][name] = settle([studentise(one, *keys) for one in differences], family)
            rest = everybody - int(table.count[member[:, k]].sum())
            if exact and 0 < rest < everybody:
                sizes = {name: (everybody - rest, rest)}
                odds = [compare_log_odds(pair, attribute, sizes)[name] for pair in pairs]
                found.log_odds[attribute][name] = settle(odds, family, None)
                each = [compare_changes((p[0], p[1]), attribute, [name], some)[name] for p in pairs if len(p) == 2]
                if each:
                    found.changes[attribute][name] = settle(each, 1, None)
        if found.changes.get(attribute):
            found.contrasts[attribute] |= _detect(found, attribute, pairs, some, claimed, settings)
        gap = "gap" if len(table.groups) == 1 else f"gap:{attribute}"
        value = float(np.mean([one.estimate[one.keys.index(gap)] for one in differences]))
        found.gaps[attribute] = Estimate(value if np.isfinite(value) else None, method="descriptive, mean over seeds")
    return found


def _detect(
    found: Summary,
    attribute: str,
    pairs: Sequence[tuple[Sampled, ...]],
    sizes: Mapping[str, int],
    claimed: int,
    settings: Settings,
) -> dict[str, Estimate]:
    """The attribute's contrasts with the change that would be found, rates being the references' means over seeds."""
    scales = {}
    for name, change in found.changes[attribute].items():
        at = [float(other.estimate[other.keys.index(f"group:{attribute}={name}")]) for _, other in pairs]
        rate = min(max(float(np.mean(at)), 0.5 / sizes[name]), 1 - 0.5 / sizes[name])
        clusters = found.group_clusters[attribute][name]
        scales[name] = Scales(found.contrasts[attribute][name], change, rate, clusters)
    return detect_changes(scales, claimed, settings.alpha)
