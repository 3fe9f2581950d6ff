"""Variances of a paired difference from a pilot's samples, for planning the audit that comes after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lorafair.errors import LorafairError, did_you_mean
from lorafair.leaderboard.column import arrange, find_references
from lorafair.metric import load_metric
from lorafair.samples import Audit
from lorafair.statistics.compare import Column, sample_models, subtract
from lorafair.statistics.confirmation import compare_changes
from lorafair.statistics.power import Effect
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import Studentised
from lorafair.statistics.table import Floats


@dataclass(frozen=True)
class Pilot:
    """What a pilot says: ``rate`` of the reference (in the group), variances per cluster at its K ``completions``.

    ``log_odds`` is the variance of the confirmation on that scale, None for a level, ``unseen`` what its test adds,
    times the clusters squared.  ``answers`` is the share of ``variance`` that more completions take away, None where
    one completion a document cannot tell.
    """

    model: str
    reference: str
    task: str
    metric: str
    rate: float
    variance: float
    log_odds: float | None
    unseen: float
    completions: int
    answers: float | None
    clusters: int
    documents: int
    groups: int

    def ask(self, difference: float) -> tuple[Effect, Effect | None]:
        """The effects of a difference of this size, with the pilot's variances; K counts completions.

        Raises:
            LorafairError: if the rate would leave [0, 1].
        """
        moved = self.rate + difference
        if not 0 < moved < 1:
            raise LorafairError(
                f"--difference {difference:g}: the pilot's rate is {self.rate:.3f}, so that {moved:.3f} is no rate. "
                "Give a smaller difference, or one with the other sign."
            )
        share = self.answers or 0.0
        parts = [(1 - share), share * self.completions]
        effect = Effect(difference, self.variance * parts[0], self.variance * parts[1])
        if self.log_odds is None:
            return effect, None
        start = min(max(self.rate, 0.5 / self.documents), 1 - 0.5 / self.documents)
        odds = math.log(moved / (1 - moved)) - math.log(start / (1 - start))
        return effect, Effect(odds, self.log_odds * parts[0], self.log_odds * parts[1], self.unseen)


def read_pilot(audit: Audit, model: str | None, metric: str | None, group: str | None, seed: int = 0) -> Pilot:
    """Variances of the paired difference of one model from its base.

    Args:
        audit: what :func:`lorafair.samples.read_audit` read.
        model: a label; None: the only model that has a reference.
        metric: ``metric`` or ``task/metric``; None: the only one.
        group: ``attribute=name`` for a contrast with the rest; None: the level.

    Raises:
        LorafairError: for a name that is not there, or where one has to be chosen; for fewer than two clusters, or
            values outside [0, 1].
    """
    references = {one.label: find_references(one, audit.models, None) for one in audit.models}
    label = _choose("--model", model, [one for one, found in references.items() if found])
    columns = {f"{c.task}/{c.metric}": c for c in arrange(audit) if label in c.values}
    short = {name.partition("/")[2]: name for name in columns}
    column = columns[_choose("--metric", short.get(metric or "", metric), list(columns))]
    reference = references[label][0]
    if reference not in column.values:
        raise LorafairError(f"{reference} has no {column.metric}: evaluate it on {column.task} first.")
    function = load_metric("rate")
    settings = Settings(seed=seed, resamples=200)
    if not column.bounded(function):
        raise LorafairError(
            f"{column.metric} is no rate: its values leave [0, 1], and power is computed for rates only."
        )
    pair = subtract(column, label, reference, function, settings)
    if pair is None or pair.summary.clusters < 2:
        raise LorafairError(f"{label} and {reference} share fewer than two clusters of documents: run a larger pilot.")
    names = {f"{a}={name}": (a, name) for a, each in pair.summary.contrasts.items() for name in each}
    at = names[_choose("--group", group, list(names))] if group is not None else None
    clusters = pair.summary.clusters
    found = pair.summary.overall if at is None else pair.summary.contrasts[at[0]][at[1]]
    odds = None if at is None else _confirm(column, (label, reference), at, settings)
    if not found.se:
        raise LorafairError(f"In the pilot {label} and {reference} never differ: it says nothing about the variance.")
    table, scored = column.table(label, reference)
    inside = (
        np.ones(len(table.y), dtype=bool) if at is None else table.groups[at[0]][:, table.names[at[0]].index(at[1])]
    )
    weight = inside / inside.sum()
    if at is not None:
        rest = table.groups[at[0]].any(axis=1) & ~inside
        weight = weight + rest / rest.sum()
    completions, noise = _count_completions([column.values[one][scored] for one in (label, reference)], weight)
    return Pilot(
        label,
        reference,
        column.task,
        column.metric,
        float(column.values[reference][scored][inside].mean()),
        found.se**2 * clusters,
        None if odds is None else odds.se**2 * clusters,
        0.0 if odds is None else odds.unseen * clusters**2,
        completions,
        None if noise is None else min(1.0, noise / found.se**2),
        clusters,
        pair.summary.n,
        1 if at is None else len(pair.summary.contrasts[at[0]]),
    )


def _confirm(column: Column, names: tuple[str, str], at: tuple[str, str], settings: Settings) -> Studentised:
    """How the group's odds changed against the others' in common, as a verdict is confirmed.

    Raises:
        LorafairError: where that has no standard error.
    """
    table, scored = column.table(*names)
    one, other = sample_models(column, names, table, scored, load_metric("rate"), settings)
    member = table.groups[at[0]]
    sizes = {name: int(member[:, k].sum()) for k, name in enumerate(table.names[at[0]]) if member[:, k].any()}
    if at[1] in sizes and len(sizes) > 1:
        found = compare_changes((one, other), at[0], [at[1]], sizes)[at[1]]
        if math.isfinite(found.se):
            return found
    raise LorafairError(f"The pilot is too small to tell how the odds of {at[1]} vary: run a larger one.")


def _count_completions(values: list[Floats], weight: Floats) -> tuple[int, float | None]:
    """(K, the smallest number whose multiples of 1/K all values are; the answers' part of the squared error)."""
    both = np.concatenate(values)
    k = next((k for k in range(1, 101) if np.allclose(both * k, np.round(both * k), atol=1e-6)), 1)
    if k == 1:
        return 1, None
    return k, float(sum(np.sum(weight**2 * y * (1 - y)) for y in values) / (k - 1))


def _choose(option: str, given: str | None, known: list[str]) -> str:
    if given is None and len(known) == 1:
        return known[0]
    if given is not None and given in known:
        return given
    if not known:
        raise LorafairError("The pilot holds no model with a reference: evaluate a base and a checkpoint of it first.")
    if given is None:
        raise LorafairError(f"The pilot holds several: choose one with {option}: {', '.join(sorted(known))}.")
    raise LorafairError(f"{option} {given!r} is not in the pilot.{did_you_mean(given, known)}")
