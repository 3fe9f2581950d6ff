"""A metric's values over all models, and the paired difference of two of them with what may be claimed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.interval import Estimate
from lorafair.statistics.log_odds import join_scales
from lorafair.statistics.mean import sample_kinds, sample_mean
from lorafair.statistics.resample import Sampled, sample
from lorafair.statistics.summary import Settings, Summary
from lorafair.statistics.table import Floats, Metric, Table


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

    def table(self, label: str, minus: str | None = None) -> tuple[Table, NDArray[np.bool_]]:
        """A model's (or a pair's difference's) scored documents, with clusters numbered from 0, and which they are."""
        y = self.values[label] if minus is None else self.values[label] - self.values[minus]
        scored = ~np.isnan(y)
        if self.tables is not None:
            return self.tables[label].take(scored), scored
        key = (None, scored.tobytes())
        if key not in self.cache:
            _, codes = np.unique(self.cluster[scored], return_inverse=True)
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
    if closed and alike:
        kinds = sample_kinds([column.narrow(label, table, scored) for label in labels], **drawn)
        if kinds is not None:
            return kinds
    found = []
    for label in labels:
        key = (label, scored.tobytes(), keep, settings.resamples, settings.seed)
        if key not in column.cache:
            mine = column.narrow(label, table, scored)
            column.cache[key] = sample_mean(mine, **drawn) if closed else sample(function, mine, **drawn)
        found.append(column.cache[key])
    return found
