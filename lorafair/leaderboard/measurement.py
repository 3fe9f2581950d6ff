"""Every column measured: each model by itself, and each paired difference with its references."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lorafair.fork import share_work
from lorafair.leaderboard.choice import Choice
from lorafair.statistics.ahead import prepare_models
from lorafair.statistics.compare import Column, Pair, measure, subtract
from lorafair.statistics.correction import scale_resamples
from lorafair.statistics.pair import LEAST
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import Summary
from lorafair.statistics.table import Metric
from lorafair.statistics.tail import sharpen

FIRST = 2000
"""Resamples of every interval; small p values of a large family take more."""

TOGETHER = 8
"""Models whose resamples are summed up in one product."""

Summaries = dict[tuple[str, str, str], Summary]
"""(task, metric, model) -> what is estimated of it."""


def fix_settings(choice: Choice, columns: Sequence[Column], seed: int, resamples: int | None) -> Settings:
    """The statistics' settings for these columns, of which those that the choice judges make the family.

    Args:
        resamples: B where the user gave it; otherwise intervals take ``FIRST``, and small p values as many as the
            family needs.  Permutations are as many as the family needs.
    """
    full = scale_resamples(choice.count([column for column in columns if choice.is_primary(column)]), resamples)
    first = full if resamples is not None or choice.permute else min(full, FIRST)
    return replace(choice.settings(seed, first), most=full if full > first else 0)


def measure_columns(
    columns: Sequence[Column],
    references: Mapping[str, list[str]],
    function: Metric,
    settings: Settings,
    choice: Choice,
) -> tuple[Summaries, dict[str, list[Pair]]]:
    """Each model's summary in each column that it has, and reference -> its pairs over all columns.

    Args:
        columns: of all tasks.
        references: a model's label -> those it is compared with.
        function: the metric of columns without one of their own.
        settings: of :func:`fix_settings`.
        choice: tells which columns are in the family.
    """
    summaries: Summaries = {}
    pairs: dict[str, list[Pair]] = {}
    asked_again = {reference for each in references.values() for reference in each}

    first = find_first(columns)
    few = sorted(set(first))

    def measure_one(k: int) -> tuple[dict[str, Summary], list[tuple[str, str, Summary]]]:
        column = columns[few[k]]
        return _measure(column, references, asked_again, function, _settle(column, function, settings, choice))

    weights = [columns[place].weigh(settings.resamples) * len(columns[place].values) for place in few]
    alone = [k for k, place in enumerate(few) if getattr(columns[place].function or function, "alone", False)]
    made = dict(zip(few, share_work(measure_one, weights, least=LEAST, alone=alone), strict=True))
    for column, place in zip(columns, first, strict=True):
        found, apart = made[place]
        summaries |= {(column.task, column.metric, label): summary for label, summary in found.items()}
        for label, reference, summary in apart:
            pairs.setdefault(reference, []).append(Pair(column, label, reference, summary))
    return summaries, pairs


def find_first(columns: Sequence[Column]) -> list[int]:
    """For each column the place of the first that says the same of every model: it is measured for all of them.

    Means only: where every label is positive, accuracy, true positive rate and selection rate are one number.
    """
    places: dict[object, int] = {}
    first = []
    for place, column in enumerate(columns):
        key: object = place
        if column.function is None and column.tables is None:
            said = hashlib.sha256()
            for label, values in column.values.items():
                said.update(f"{len(label)} {label} {len(values)} ".encode())
                said.update((values + 0.0).tobytes())
            shape = (id(column.cluster), id(column.groups), id(column.names), column.rates, column.resamples)
            key = (shape, said.digest())
        first.append(places.setdefault(key, place))
    return first


def _settle(column: Column, function: Metric, settings: Settings, choice: Choice) -> Settings:
    """The settings for one column."""
    own = settings
    closed = column.tables is None and getattr(column.function or function, "closed_form", False)
    if settings.most and not closed and choice.is_primary(column):
        own = replace(settings, resamples=settings.most, most=0)  # its small p values cannot be counted on
    if column.resamples is not None:
        own = replace(own, resamples=min(own.resamples, column.resamples), most=0)
    return own


def _measure(
    column: Column, references: Mapping[str, list[str]], asked_again: set[str], function: Metric, own: Settings
) -> tuple[dict[str, Summary], list[tuple[str, str, Summary]]]:
    """Each model's summary, and (model, reference, summary) of each paired difference."""
    summaries, found = dict[str, Summary](), list[Pair]()
    for k, label in enumerate(labels := list(column.values)):
        if k % TOGETHER == 0:
            prepare_models(column, labels[k : k + TOGETHER], references, function, own)
        summary = measure(column, label, function, own)
        if summary is not None:
            summaries[label] = summary
        given = (subtract(column, label, one, function, own) for one in references[label] if one in column.values)
        found += [pair for pair in given if pair is not None]
        if label not in asked_again:
            for key in [key for key in column.cache if isinstance(key, tuple) and key[0] == label]:
                del column.cache[key]
    pairs = sharpen(found, function, own)
    column.cache.clear()
    return summaries, [(pair.label, pair.reference, pair.summary) for pair in pairs]
