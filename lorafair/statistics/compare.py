"""One metric of one task over all models: each model by itself and each paired difference, then the family's claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.correction import adjust_holm
from lorafair.statistics.interval import Estimate
from lorafair.statistics.resample import Sampled, sample
from lorafair.statistics.summary import Settings, Summary, clip_levels, summarise
from lorafair.statistics.table import Floats, Metric, Table
from lorafair.statistics.verdict import certain_sign, name_groups


@dataclass(frozen=True)
class Column:
    """A metric's values: ``values[label]`` (n,) over the union of all models' documents, NaN where not scored.

    ``cluster`` (n,) integer codes, ``groups`` and ``names`` as in :class:`Table`; ``minus`` is a pair's difference.
    ``function``: the metric, where it is not the mean of the values that is asked for; ``tables``: a model's label ->
    what such a metric reads, all columns over the same n documents.  ``primary``: in the family of tests; the others
    are exploratory and carry no claim.  ``unscored``: a model's documents that the metric should be about and is not,
    where not all documents without a value are (a true positive rate is about positive labels).
    """

    task: str
    metric: str
    values: Mapping[str, Floats]
    cluster: NDArray[np.intp]
    groups: Mapping[str, NDArray[np.bool_]]
    names: Mapping[str, tuple[str, ...]]
    higher_is_better: bool | None
    cache: dict[tuple[str, bytes], Sampled] = field(default_factory=dict)
    function: Metric | None = None
    tables: Mapping[str, Table] | None = None
    primary: bool = True
    unscored: Mapping[str, int] | None = None

    def table(self, label: str, minus: str | None = None) -> tuple[Table, NDArray[np.bool_]]:
        """A model's (or a pair's difference's) scored documents, with clusters numbered from 0, and which they are."""
        y = self.values[label] if minus is None else self.values[label] - self.values[minus]
        scored = ~np.isnan(y)
        if self.tables is not None:
            return self.tables[label].take(scored), scored
        _, codes = np.unique(self.cluster[scored], return_inverse=True)
        groups = {a: g[scored] for a, g in self.groups.items() if g[scored].any()}
        return Table(y[scored], codes, groups, {a: self.names[a] for a in groups}), scored

    def narrow(self, label: str, like: Table, scored: NDArray[np.bool_]) -> Table:
        """A model's own columns for the documents ``scored``, with the groups of ``like``, a table of the same ones."""
        if self.tables is None:
            return replace(like, y=self.values[label][scored])
        return replace(self.tables[label].take(scored), groups=like.groups, names=like.names)

    def bounded(self, metric: Metric) -> bool:
        """Whether exact bounds apply: the metric is the mean of values that all lie in [0, 1]."""
        metric = self.function or metric
        if self.tables is not None or not getattr(metric, "mean_of_y", False):
            return False
        known = np.concatenate([v[~np.isnan(v)] for v in self.values.values()])
        return bool(len(known) and known.min() >= 0 and known.max() <= 1)


@dataclass(frozen=True)
class Pair:
    """A paired difference ``label - reference`` over common documents, and what may be claimed from it.

    ``p_level`` and ``p_contrast`` are adjusted over the family; ``named`` attribute -> group -> sign.
    """

    column: Column
    label: str
    reference: str
    summary: Summary
    p_level: float | None = None
    p_contrast: dict[str, dict[str, float]] = field(default_factory=dict)
    certain: dict[str, dict[str, int]] = field(default_factory=dict)
    named: dict[str, dict[str, int]] = field(default_factory=dict)


def measure(column: Column, label: str, metric: Metric, settings: Settings) -> Summary | None:
    """One model's levels, contrasts and gaps; None if none of its documents has the metric."""
    table, scored = column.table(label)
    if not len(table.y):
        return None
    sampled = _sample(column, label, table, scored, metric, settings)
    found = summarise(sampled, table, settings, exact=column.bounded(metric))
    bounds: tuple[float, float] | None = getattr(column.function, "bounds", None)
    return found if bounds is None else clip_levels(found, *bounds)


def subtract(column: Column, label: str, reference: str, metric: Metric, settings: Settings) -> Pair | None:
    """The paired difference over the documents that both models have; None if they share none."""
    table, scored = column.table(label, reference)
    if not len(table.y):
        return None
    sampled = [
        _sample(column, one, column.narrow(one, table, scored), scored, metric, settings) for one in (label, reference)
    ]
    found = summarise(sampled[0].minus(sampled[1]), table, settings, exact=column.bounded(metric), signed=True)
    return Pair(column, label, reference, found)


def _sample(
    column: Column, label: str, table: Table, scored: NDArray[np.bool_], metric: Metric, settings: Settings
) -> Sampled:
    key = (label, scored.tobytes())
    if key not in column.cache:
        metric = column.function or metric
        column.cache[key] = sample(metric, table, resamples=settings.resamples, seed=settings.seed)
    return column.cache[key]


def claim(pairs: list[Pair], metric: Metric, settings: Settings) -> list[Pair]:
    """Correct over the family of one reference and decide which groups a verdict names.

    The level family is checkpoints x tasks x metrics; the contrast family checkpoints x tasks x metrics x attributes,
    each represented by its omnibus p (max-T over the groups).  Holm over each; a group's adjusted p is at least its
    attribute's.  Cells that carry no claim, and exploratory columns, are not in the family.
    """
    levels = {
        i: pair.summary.overall.p
        for i, pair in enumerate(pairs)
        if pair.column.primary and pair.summary.overall.p is not None and pair.summary.carries_claim(settings)
    }
    tests = {
        (i, attribute): whole
        for i, pair in enumerate(pairs)
        for attribute in pair.summary.contrasts
        if pair.column.primary and (whole := pair.summary.omnibus(attribute, settings)) is not None
    }
    level_p = adjust_holm(levels)
    contrast_p = adjust_holm(tests)
    done = []
    for i, pair in enumerate(pairs):
        adjusted = replace(pair, p_level=level_p[i][0] if i in level_p else None, p_contrast={}, certain={}, named={})
        for attribute, contrasts in pair.summary.contrasts.items():
            if (i, attribute) not in contrast_p:
                continue
            holm, multiplier = contrast_p[i, attribute]
            p_group: dict[str, float] = {
                name: max(holm, min(1.0, multiplier * one.p_max))
                for name, one in contrasts.items()
                if one.p_max is not None and pair.summary.carries_claim(settings, attribute, name)
            }
            certain = {name: certain_sign(contrasts[name], value, settings.alpha) for name, value in p_group.items()}
            adjusted.p_contrast[attribute], adjusted.certain[attribute] = p_group, certain
            adjusted.named[attribute] = _name(pair, attribute, certain, metric, settings)
        done.append(adjusted)
    return done


def _name(pair: Pair, attribute: str, certain: dict[str, int], metric: Metric, settings: Settings) -> dict[str, int]:
    column = pair.column

    def again(names: tuple[str, ...]) -> dict[str, Estimate]:
        table, scored = column.table(pair.label, pair.reference)
        few = table.keep(attribute, names)
        sampled = [
            sample(
                column.function or metric,
                column.narrow(one, few, scored),
                resamples=settings.resamples,
                seed=settings.seed,
            )
            for one in (pair.label, pair.reference)
        ]
        found = summarise(sampled[0].minus(sampled[1]), few, settings, exact=column.bounded(metric), signed=True)
        return found.contrasts[attribute]

    summary = pair.summary
    return name_groups(
        certain,
        summary.contrasts[attribute],
        summary.levels[attribute],
        again,
        higher_is_better=column.higher_is_better,
        alpha=settings.alpha,
    )
