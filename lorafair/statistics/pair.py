"""A metric's values over all models, and the paired difference of two of them with what may be claimed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.confirmation import join_scales
from lorafair.statistics.interval import Estimate
from lorafair.statistics.mean import Sums, add_kinds, add_up, evaluate, prove_mean, sample_kinds, sample_mean
from lorafair.statistics.resample import Sampled, sample, take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import Summary
from lorafair.statistics.table import Floats, Metric, Table, number_clusters
from lorafair.statistics.terms import Added, add_terms, sample_alike, sample_terms

LEAST = 100_000_000
"""Cells of resamples from which on the work on columns is shared out to several processes."""


@dataclass(frozen=True)
class Column:
    """A metric's values: ``values[label]`` (n,) over the union of all models' documents, NaN where not scored.

    ``cluster`` (n,) integer codes, ``groups`` and ``names`` as in :class:`Table`; ``minus`` is a pair's difference.
    ``function``: the metric, where it is not the mean of the values that is asked for; ``tables``: a model's label ->
    what such a metric reads, all columns over the same n documents.  ``primary``: in the family of tests; the others
    are exploratory and carry no claim.  ``unscored``: a model's documents that the metric should be about and is not,
    where not all documents without a value are (a true positive rate is about positive labels).  ``conditions``:
    attributes that are no people (how a question was worded): their groups carry no verdict.  ``rates``: values
    that all lie in [0, 1] do so because they cannot lie elsewhere; not so a distance that happens to be small.
    ``resamples``: at most that many, for one of dozens of columns.
    """

    task: str
    metric: str
    values: Mapping[str, Floats]
    cluster: NDArray[np.intp]
    groups: Mapping[str, NDArray[np.bool_]]
    names: Mapping[str, tuple[str, ...]]
    higher_is_better: bool | None
    cache: dict[Any, Any] = field(default_factory=dict)  # what several pairs ask for
    function: Metric | None = None
    tables: Mapping[str, Table] | None = None
    primary: bool = True
    unscored: Mapping[str, int] | None = None
    conditions: frozenset[str] = frozenset()
    rates: bool = True
    resamples: int | None = None

    def weigh(self, resamples: int) -> float:
        """Cells of a draw over its clusters: about how long one estimate takes."""
        return float(resamples) * (int(self.cluster.max(initial=-1)) + 1)

    def table(self, label: str, minus: str | None = None) -> tuple[Table, NDArray[np.bool_]]:
        """A model's (or a pair's difference's) scored documents, with clusters numbered from 0, and which they are."""
        y = self.values[label] if minus is None else self.values[label] - self.values[minus]
        scored = ~np.isnan(y)
        if self.tables is not None:
            return self.tables[label].take(scored), scored
        key = (None, scored.tobytes())
        if key not in self.cache:
            codes = number_clusters(self.cluster[scored])
            groups = {a: g[scored] for a, g in self.groups.items() if g[scored].any()}
            self.cache[key] = Table(y[scored], codes, groups, {a: self.names[a] for a in groups})
        return replace(self.cache[key], y=y[scored]), scored

    def narrow(self, label: str, like: Table, scored: NDArray[np.bool_]) -> Table:
        """A model's own columns for the documents ``scored``, with the groups of ``like``, a table of the same ones."""
        if self.tables is None:
            return replace(like, y=self.values[label][scored])
        return replace(self.tables[label].take(scored), groups=like.groups, names=like.names)

    def is_mean(self, metric: Metric) -> bool:
        """Whether the column's metric (``metric`` where it has none of its own) is the mean of its values."""
        return self.tables is None and bool(getattr(self.function or metric, "mean_of_y", False))

    def bounded(self, metric: Metric) -> bool:
        """Whether exact bounds apply: the metric is the mean of values that all lie in [0, 1]."""
        if not self.rates or not self.is_mean(metric):
            return False
        if "bounded" not in self.cache:
            known = np.concatenate([v[~np.isnan(v)] for v in self.values.values()])
            self.cache["bounded"] = bool(len(known) and known.min() >= 0 and known.max() <= 1)
        return bool(self.cache["bounded"])


@dataclass(frozen=True)
class Pair:
    """A paired difference ``label - reference`` over common documents, and what may be claimed from it.

    ``p_level`` and ``p_contrast`` are adjusted over the family; ``named`` attribute -> group -> sign.  ``within`` holds
    the adjusted (p of "worse by the margin or more", p of "differs by it or more") of the level, key ``None``, and of
    the contrasts, keys (attribute, group).  ``seeds``: the checkpoints behind a claim about a method; ``label`` is then
    the method's, and ``versus`` what each seed is compared with.
    """

    column: Column
    label: str
    reference: str
    summary: Summary
    p_level: float | None = None
    p_contrast: dict[str, dict[str, float]] = field(default_factory=dict)
    certain: dict[str, dict[str, int]] = field(default_factory=dict)
    named: dict[str, dict[str, int]] = field(default_factory=dict)
    within: dict[tuple[str, str] | None, tuple[float, float]] = field(default_factory=dict)
    seeds: tuple[str, ...] = ()
    versus: tuple[str, ...] = ()

    def joined(self, attribute: str) -> dict[str, Estimate]:
        """The attribute's contrasts with p values of a change on both scales, for naming groups one at a time."""
        scales = self.summary.changes.get(attribute, {})
        return {name: join_scales(one, scales.get(name)) for name, one in self.summary.contrasts[attribute].items()}


def sample_models(
    column: Column,
    labels: Sequence[str],
    table: Table,
    scored: NDArray[np.bool_],
    metric: Metric,
    settings: Settings,
    keep: tuple[str, tuple[str, ...]] | None = None,
    *,
    alike: bool = True,
) -> list[Sampled]:
    """The metric of some models under the same weights, each computed once for the same documents and groups.

    Args:
        labels: of the models.
        table: the documents and groups to compare over; ``scored`` (n,): which of the column's documents they are.
        keep: (attribute, names) where the table has these groups only.
        alike: clusters that are equal for all the models may be drawn by kinds.
    """
    function = column.function or metric
    closed = column.tables is None and getattr(function, "closed_form", False)
    drawn: dict[str, Any] = {"resamples": settings.resamples, "seed": settings.seed}
    of = (scored.tobytes(), keep)
    kinds, mixed = None, (labels[0], "mixed", tuple(labels), *of)  # clusters that are not alike: asked once
    if alike and (mixed in column.cache or any((one, "mixed", (one,), *of) in column.cache for one in labels)):
        pass  # nor are they where those of one of the models are not
    elif closed and alike:
        each = [column.narrow(label, table, scored) for label in labels]
        several = zip(labels, each, strict=True)
        kinds = sample_kinds(each, **drawn, add=lambda: [_add_up(column, label, one, of) for label, one in several])
    elif hasattr(function, "terms") and alike:
        kinds = _sample_alike(function, column, labels, table, scored, of, drawn)
    if kinds is not None:
        return kinds
    if alike:
        column.cache[mixed] = True
    found = []
    for label in labels:
        key = (label, *of, settings.resamples, settings.seed)
        if key not in column.cache:
            mine = column.narrow(label, table, scored)
            added = _add_terms(function, column, label, mine, of)
            if added is not None:
                column.cache[key] = sample_terms(added, take_draw(mine.clusters, settings.resamples, settings.seed))
            elif closed or (column.is_mean(metric) and prove_mean(function, mine)):
                column.cache[key] = sample_mean(mine, **drawn, sums=_add_up(column, label, mine, of))
            else:
                column.cache[key] = sample(function, mine, **drawn)
        known: Sampled = column.cache[key]
        draw = take_draw(known.clusters, settings.resamples, settings.seed)
        if known.draw is not draw:  # the same resamples, made anew since: what was kept of the old ones is of no use
            known = column.cache[key] = replace(known, draw=draw, parts={})
        found.append(known)
    return found


def sum_ahead(column: Column, labels: Sequence[str], metric: Metric, settings: Settings) -> None:
    """Sample the means of models that share their resamples at once, before :func:`sample_models` asks for each.

    Args:
        labels: of the models, over all documents that each has.
        metric: of a column without one of its own; for one that is not computed from sums nothing is made.
    """
    if column.tables is not None or not getattr(column.function or metric, "closed_form", False):
        return
    drawn, waiting = (settings.resamples, settings.seed), dict[int, list[tuple[Any, Table, Sums]]]()
    for label in labels:
        table, scored = column.table(label)
        of: _Of = scored.tobytes(), None
        if not len(table.y) or (label, *of, *drawn) in column.cache:
            continue
        sums = _add_up(column, label, table, of)
        if len(add_kinds([table], partial(list, [sums]))[0].times) == table.clusters:
            column.cache[label, "mixed", (label,), *of] = True
            waiting.setdefault(table.clusters, []).append(((label, *of, *drawn), table, sums))
    for clusters, each in waiting.items():
        if len(each) > 1:
            draw = take_draw(clusters, *drawn)
            draw.make_room(sum(sums.total.shape[1] for _, _, sums in each))
            draw.prepare([[draw.place(one) for one in sums.total.T] for _, _, sums in each], products=False)
            column.cache.update({key: evaluate(sums, table, draw) for key, table, sums in each})


_Of = tuple[bytes, tuple[str, tuple[str, ...]] | None]


def _add_up(column: Column, label: str, mine: Table, of: _Of) -> Sums:
    """A model's sums of values and documents, made once for the same documents and groups."""
    key, shared = (label, "mean", *of), (None, "mean", *of)
    if key not in column.cache:
        (found,) = add_up([mine], column.cache.get(shared))
        column.cache[key], column.cache[shared] = found, found.documents
    made: Sums = column.cache[key]
    return made


def _sample_alike(
    function: Metric,
    column: Column,
    labels: Sequence[str],
    table: Table,
    scored: NDArray[np.bool_],
    of: _Of,
    drawn: dict[str, Any],
) -> list[Sampled] | None:
    """Some models' metric of few sums in resamples of kinds of clusters; None where that is not how it is done."""
    each = [_add_terms(function, column, one, column.narrow(one, table, scored), of) for one in labels]
    added = [one for one in each if one is not None]
    return sample_alike(added, **drawn) if len(added) == len(each) else None


def _add_terms(function: Metric, column: Column, label: str, mine: Table, of: _Of) -> Added | None:
    """A model's sums, made once for the same documents and groups; None for a metric that is not of few sums."""
    terms = getattr(function, "terms", None)
    if terms is None:
        return None
    key = (label, "sums", *of)
    if key not in column.cache:
        column.cache[key] = add_terms(terms, mine)
    found: Added | None = column.cache[key]
    return found
