"""From samples to rows: one (model, task, metric, attribute, group) each, with its uncertainty and its claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from lorafair.identity import Model
from lorafair.leaderboard.applicable import find_computed, select_metrics
from lorafair.leaderboard.choice import Choice
from lorafair.leaderboard.column import arrange, find_references, label_metric
from lorafair.leaderboard.comparison import compare_contrasts, compare_levels, compare_spreads
from lorafair.leaderboard.decision import apply_decisions
from lorafair.leaderboard.descriptive import describe_groups
from lorafair.leaderboard.failure import add_failures, try_columns
from lorafair.leaderboard.headless import add_headless
from lorafair.leaderboard.measurement import fix_settings, measure_columns
from lorafair.leaderboard.method_row import add_methods, find_methods
from lorafair.leaderboard.model_field import describe_model
from lorafair.leaderboard.note import list_notes
from lorafair.leaderboard.probed import describe_models
from lorafair.leaderboard.row_copy import keep_rows
from lorafair.leaderboard.tried import open_metric
from lorafair.records import Row
from lorafair.registry import load_registry
from lorafair.samples import Audit, Samples
from lorafair.statistics.compare import Column, Pair, claim
from lorafair.statistics.interval import Estimate
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import Summary


@dataclass(frozen=True)
class Rows:
    """The rows of one audit and how they were made, for the lines under a table.

    ``family``: reference -> (number of level tests, number of contrast tests) that were corrected over; ``failed``:
    why metrics gave no number, a sentence each; ``metrics``: those of the registry that rows were computed by;
    ``claims``: what is claimed about which method.
    """

    rows: list[Row]
    settings: Settings
    family: dict[str, tuple[int, int]]
    notes: list[str]
    failed: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)


def build_rows(
    audit: Audit,
    *,
    seed: int = 0,
    resamples: int | None = None,
    against: str | None = None,
    metric: str = "rate",
    asked: Iterable[str] = (),
    choice: Choice | None = None,
    references: Mapping[str, list[str]] | None = None,
) -> Rows:
    """Measure every model, compare it with its references, and correct over the family of each reference.

    A column on which a stranger's metric or scorer fails has rows that say so, and is in no family.  Rows of large
    audits are kept (:mod:`lorafair.leaderboard.row_copy`).

    Args:
        audit: what :func:`lorafair.samples.read_audit` read.
        seed: of the bootstrap.
        resamples: B; by default 2,000, more for a large family.
        against: a label to compare with besides the base and full fine-tuning.
        metric: a metric of the registry, applied to each task's per-document values.
        asked: further metrics of the registry, applied where a task's labels and answers allow: exploratory, no claim.
        choice: primary metrics, correction and margin, as the recipe fixed them.
        references: label -> the labels to compare it with, instead of its base, full fine-tuning and ``against``.

    Raises:
        LorafairError: for an unknown label or metric.
    """
    load_registry().get("metric", metric)
    names = [metric, *asked, *(choice.names() if choice else ())]
    if references is None:
        references = {model.label: find_references(model, audit.models, against) for model in audit.models}

    def make() -> dict[str, Any]:
        found = _build(audit, metric, names[1:], choice or Choice(), references, seed, resamples)
        told = {one.name: getattr(found, one.name) for one in fields(Rows)}
        return told | {"settings": asdict(found.settings), "family": {k: list(v) for k, v in found.family.items()}}

    told = keep_rows(audit, [seed, resamples, names, choice or Choice(), references], names, make)
    family = {reference: (levels, contrasts) for reference, (levels, contrasts) in told["family"].items()}
    return Rows(**told | {"settings": Settings(**told["settings"]), "family": family})


def _build(
    audit: Audit,
    metric: str,
    asked: Iterable[str],
    choice: Choice,
    references: Mapping[str, list[str]],
    seed: int,
    resamples: int | None,
) -> Rows:
    function, metrics = open_metric(metric), select_metrics(asked)
    columns, failed = try_columns(function, arrange(audit, metrics))
    choice.check(columns)
    columns = [replace(column, primary=choice.is_primary(column) or column.primary) for column in columns]
    settings = fix_settings(choice, columns, seed, resamples)
    summaries, pairs = measure_columns(columns, references, function, settings, choice)
    claimed = {reference: claim(found, function, settings, choice.is_primary) for reference, found in pairs.items()}
    family = {
        reference: (
            sum(pair.p_level is not None for pair in found),
            sum(len(pair.p_contrast) for pair in found),
        )
        for reference, found in claimed.items()
    }
    of = {(p.column.task, p.column.metric, p.label, p.reference): p for found in claimed.values() for p in found}
    samples = {(one.model, one.task): one for one in audit.samples}
    rows, empty = list[Row](), list[str]()
    for model in audit.models:
        for column in columns:
            summary = summaries.get((column.task, column.metric, model.label))
            if summary is None and model.label in column.values:
                size = len(samples[model.label, column.task].keys)
                empty.append(
                    f"{model.label}: {column.task}/{column.metric} has no score in any of its {size} documents"
                )
            if summary is not None:
                keys = ((column.task, column.metric, model.label, one) for one in references[model.label])
                mine = [of[key] for key in keys if key in of]
                rows += _rows(model, column, samples[model.label, column.task], summary, mine, settings)
    rows += describe_groups(audit, rows, references, settings, metrics)
    layered = {(one.task, name) for one in audit.samples for name in one.layers}  # dozens: of checkpoints only
    plain = [column for column in columns if (column.task, column.metric) not in layered]
    more, claims = add_methods(audit, plain, references, function, settings, choice, _rows)
    claims += apply_decisions(
        rows + more, audit, {one.label: list(one.of.values()) for one in find_methods(audit.models)}
    )
    more += describe_models(audit, references)
    rows, why, remarks = add_failures(rows + more, audit, columns, function, failed, metrics)
    rows = add_headless(audit.models, rows)
    computed = [metric, *find_computed((one.name for one in metrics), rows, audit)]
    notes = [note for one in audit.samples for note in one.notes] + empty + remarks + choice.describe(plain)
    return Rows(rows, settings, family, notes, why, computed, claims)


def _rows(
    model: Model, column: Column, samples: Samples, summary: Summary, pairs: list[Pair], settings: Settings
) -> list[Row]:
    shared = Row(
        **describe_model(model),
        task=column.task,
        task_version=samples.version,
        metric=column.metric,
        metric_label=label_metric(samples, column.metric),
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
        capability=samples.capability,
        probe=samples.probe,
        layer=samples.layers.get(column.metric),
        comparisons=[compare_levels(pair, None, "", settings) for pair in pairs],
        notes=list_notes(column, model.label, samples, summary, pairs, settings),
    )
    rows = [shared]
    for attribute, levels in summary.levels.items():
        gap = samples.scorer_gap.get(column.metric, {}).get(attribute)
        for name, level in levels.items():
            contrast = summary.contrasts[attribute][name]
            comparisons, notes = [], []
            if attribute in column.conditions:
                notes.append(f"{attribute} is a condition of the question, no group of people: no verdict")
            elif samples.probe is None and not summary.carries_claim(settings, attribute, name):
                notes.append(f"too few documents for a claim ({settings.min_n} in {settings.min_clusters} clusters)")
            for pair in (one for one in pairs if name in one.summary.levels.get(attribute, {})):
                comparisons.append(compare_levels(pair, attribute, name, settings))
                change, why = compare_contrasts(pair, attribute, name, gap, settings)
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
        contrasts = summary.contrasts[attribute].values()
        update = {
            "kind": "gap",
            "attribute": attribute,
            **_interval(summary.gaps[attribute]),
            "group_n": dict(summary.group_n[attribute]),
            **_between(summary, attribute),
            "omnibus_p": summary.omnibus(attribute, settings),
            "scorer_gap": gap,
            "largest_contrast": max((abs(c.value) for c in contrasts if c.value is not None), default=None),
            "descriptive": True,
            "comparisons": [compare_spreads(pair, attribute) for pair in pairs if attribute in pair.summary.gaps],
            "notes": ["max minus min is biased upward by noise: it carries no verdict"],
        }
        rows.append(shared.model_copy(update=update))
    return rows


def _interval(found: Estimate) -> dict[str, Any]:
    return {"estimate": found.value, "low": found.low, "high": found.high, "method_interval": found.method}


def _between(summary: Summary, attribute: str) -> dict[str, Any]:
    found = summary.between.get(attribute, Estimate(None))
    return {"between_variance": found.value, "between_low": found.low, "between_high": found.high}
