"""From samples to rows: one (model, task, metric, attribute, group) each, with its uncertainty and its claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lorafair.identity import Model
from lorafair.leaderboard.column import arrange, find_references
from lorafair.records import Comparison, Row
from lorafair.registry import load_registry, load_target
from lorafair.samples import Audit, Samples
from lorafair.statistics.compare import Column, Pair, claim, measure, subtract
from lorafair.statistics.correction import scale_resamples
from lorafair.statistics.interval import Estimate
from lorafair.statistics.summary import Settings, Summary
from lorafair.statistics.verdict import certain_sign, judge


@dataclass(frozen=True)
class Rows:
    """The rows of one audit and how they were made, for the lines under a table.

    ``family``: reference -> (number of level tests, number of contrast tests) that Holm corrected over.
    """

    rows: list[Row]
    settings: Settings
    family: dict[str, tuple[int, int]]
    notes: list[str]


def build_rows(
    audit: Audit,
    *,
    seed: int = 0,
    resamples: int | None = None,
    against: str | None = None,
    metric: str = "rate",
    references: Mapping[str, list[str]] | None = None,
) -> Rows:
    """Measure every model, compare it with its references, and correct over the family of each reference.

    Args:
        audit: what :func:`lorafair.samples.read_audit` read.
        seed: of the bootstrap.
        resamples: B; by default 2,000, more for a large family.
        against: a label to compare with besides the base and full fine-tuning.
        metric: a metric of the registry, applied to each task's per-document values.
        references: label -> the labels to compare it with, instead of its base, full fine-tuning and ``against``.

    Raises:
        LorafairError: for an unknown label or metric.
    """
    function = load_target(load_registry().get("metric", metric))
    columns = arrange(audit)
    if references is None:
        references = {model.label: find_references(model, audit.models, against) for model in audit.models}
    asked = sum(len(column.values) * max(1, len(column.groups)) for column in columns)
    settings = Settings(seed=seed, resamples=scale_resamples(asked, resamples))
    pairs: dict[str, list[Pair]] = {}
    for column in columns:
        for label in column.values:
            for reference in references[label]:
                if reference in column.values and (pair := subtract(column, label, reference, function, settings)):
                    pairs.setdefault(reference, []).append(pair)
    claimed = {reference: claim(found, function, settings) for reference, found in pairs.items()}
    family = {
        reference: (
            sum(pair.p_level is not None for pair in found),
            sum(len(pair.p_contrast) for pair in found),
        )
        for reference, found in claimed.items()
    }
    of = {(p.column.task, p.column.metric, p.label, p.reference): p for found in claimed.values() for p in found}
    samples = {(one.model, one.task): one for one in audit.samples}
    rows: list[Row] = []
    for model in audit.models:
        for column in columns:
            if model.label not in column.values:
                continue
            summary = measure(column, model.label, function, settings)
            if summary is not None:
                keys = ((column.task, column.metric, model.label, one) for one in references[model.label])
                mine = [of[key] for key in keys if key in of]
                rows += _rows(model, column, samples[model.label, column.task], summary, mine, settings)
    return Rows(rows, settings, family, [note for one in audit.samples for note in one.notes])


def _rows(
    model: Model, column: Column, samples: Samples, summary: Summary, pairs: list[Pair], settings: Settings
) -> list[Row]:
    shared = Row(
        model=model.label,
        base=model.base,
        method=model.method,
        rank=model.rank,
        trainable_parameters=model.trainable_parameters,
        engine=model.engine,
        verified=model.verified,
        planted=model.planted,
        task=column.task,
        task_version=samples.version,
        metric=column.metric,
        metric_label=samples.labels.get(column.metric, column.metric),
        higher_is_better=column.higher_is_better,
        kind="overall",
        attribute=None,
        group=None,
        **_interval(summary.overall),
        n=summary.n,
        clusters=summary.clusters,
        group_n={f"{a}={name}": n for a, each in summary.group_n.items() for name, n in each.items()},
        descriptive=False,
        sample_data=samples.sample_data,
        comparisons=[_compare_levels(pair, None, "", settings) for pair in pairs],
        notes=_notes(column, model.label, samples, summary, pairs, settings),
    )
    rows = [shared]
    for attribute, levels in summary.levels.items():
        gap = samples.scorer_gap.get(column.metric, {}).get(attribute)
        for name, level in levels.items():
            contrast = summary.contrasts[attribute][name]
            comparisons, notes = [], []
            if not summary.carries_claim(settings, attribute, name):
                notes.append(f"too few documents for a claim ({settings.min_n} in {settings.min_clusters} clusters)")
            for pair in (one for one in pairs if name in one.summary.levels.get(attribute, {})):
                comparisons.append(_compare_levels(pair, attribute, name, settings))
                change, why = _compare_contrasts(pair, attribute, name, gap, settings)
                comparisons.append(change)
                notes += why
            update = {
                "kind": "group",
                "attribute": attribute,
                "group": name,
                **_interval(level),
                "n": summary.group_n[attribute][name],
                "clusters": summary.group_clusters[attribute][name],
                "group_n": {},
                "contrast": contrast.value,
                "contrast_low": contrast.low,
                "contrast_high": contrast.high,
                "scorer_gap": gap,
                "comparisons": comparisons,
                "notes": notes,
            }
            rows.append(shared.model_copy(update=update))
        update = {
            "kind": "gap",
            "attribute": attribute,
            **_interval(summary.gaps[attribute]),
            "group_n": dict(summary.group_n[attribute]),
            "omnibus_p": summary.omnibus(attribute, settings),
            "scorer_gap": gap,
            "descriptive": True,
            "comparisons": [],
            "notes": ["max minus min is biased upward by noise: it carries no verdict"],
        }
        rows.append(shared.model_copy(update=update))
    return rows


def _interval(found: Estimate) -> dict[str, Any]:
    return {"estimate": found.value, "low": found.low, "high": found.high, "method_interval": found.method}


def _comparison(
    pair: Pair, quantity: Literal["level", "contrast"], found: Estimate, n: int, clusters: int, **claims: Any
) -> Comparison:
    return Comparison(
        reference=pair.reference,
        quantity=quantity,
        difference=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        minimum_detectable=found.minimum_detectable,
        documents=n,
        clusters=clusters,
        **claims,
    )


def _compare_levels(pair: Pair, attribute: str | None, name: str, settings: Settings) -> Comparison:
    """The metric itself; a group's own level is exploratory and carries no claim."""
    summary = pair.summary
    if attribute is not None:
        found = summary.levels[attribute][name]
        n, clusters = summary.group_n[attribute][name], summary.group_clusters[attribute][name]
        return _comparison(pair, "level", found, n, clusters, p=found.p, p_adjusted=None, verdict="no claim")
    found = summary.overall
    sign = certain_sign(found, pair.p_level, settings.alpha)
    word = judge(sign, pair.column.higher_is_better, claim=pair.p_level is not None)
    return _comparison(
        pair, "level", found, summary.n, summary.clusters, p=found.p, p_adjusted=pair.p_level, verdict=word
    )


def _compare_contrasts(
    pair: Pair, attribute: str, name: str, gap: float | None, settings: Settings
) -> tuple[Comparison, list[str]]:
    """This group against the rest, and why a certain change is not a verdict where it is not."""
    found = pair.summary.contrasts[attribute][name]
    adjusted = pair.p_contrast.get(attribute, {}).get(name)
    sign = pair.named.get(attribute, {}).get(name, 0)
    word = judge(sign, pair.column.higher_is_better, claim=adjusted is not None)
    notes = []
    if sign and gap is not None and found.value is not None and abs(found.value) <= gap:
        word = "no claim"
        notes.append(
            f"change from {pair.reference} is within the scorer's own gap on neutral text ({gap:.3f}): no claim"
        )
    elif not sign and pair.certain.get(attribute, {}).get(name, 0):
        named = ", ".join(pair.named.get(attribute, {})) or "no group by itself"
        notes.append(f"change from {pair.reference} follows from that of {named}")
    n, clusters = sum(pair.summary.group_n[attribute].values()), pair.summary.clusters
    return _comparison(pair, "contrast", found, n, clusters, p=found.p_max, p_adjusted=adjusted, verdict=word), notes


def _notes(
    column: Column, label: str, samples: Samples, summary: Summary, pairs: list[Pair], settings: Settings
) -> list[str]:
    notes = []
    if len(samples.keys) > summary.n:
        notes.append(f"{len(samples.keys) - summary.n} of {len(samples.keys)} documents were not scored")
    if summary.clusters < 2:
        notes.append("one cluster: no interval")
    elif not summary.carries_claim(settings):
        notes.append(f"too few documents for a claim ({settings.min_n} in {settings.min_clusters} clusters)")
    if column.higher_is_better is None:
        notes.append("nothing says whether higher is better: no claim")
    for pair in pairs:
        one, other = column.values[label], column.values[pair.reference]
        either = int((~np.isnan(one) | ~np.isnan(other)).sum())
        if either > pair.summary.n:
            notes.append(f"compared with {pair.reference} over the {pair.summary.n} of {either} documents both have")
    return notes
