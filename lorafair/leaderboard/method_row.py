"""Rows of claims about a method: its checkpoints of several training seeds taken together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lorafair.identity import Model
from lorafair.leaderboard.choice import Choice
from lorafair.records import Row
from lorafair.samples import Audit
from lorafair.statistics.compare import Column, Pair, claim
from lorafair.statistics.crossed import MIN_SEEDS
from lorafair.statistics.method import measure_method
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Metric

LONGEST = 40
"""Characters of a setting that a method is named by; hashes are longer."""


@dataclass(frozen=True)
class Method:
    """Checkpoints that differ in the training seed only: ``of`` seed -> label."""

    label: str
    first: Model
    of: Mapping[int, str]


def find_methods(models: Sequence[Model]) -> list[Method]:
    """Checkpoints grouped by base, method, rank and recipe of training; planted controls and unknown seeds left out.

    Of several checkpoints with one seed the first by label counts.
    """
    found: dict[tuple[object, ...], dict[int, Model]] = {}
    for model in sorted(models, key=lambda one: one.label):
        if model.kind == "base" or model.planted or model.seed is None or model.recipe is None:
            continue
        key = (model.base_hash or model.base, model.method, model.rank, model.recipe)
        found.setdefault(key, {}).setdefault(model.seed, model)
    labels = {model.label for model in models}
    methods = []
    alike: dict[str, list[Model]] = {}
    for seeds in found.values():
        alike.setdefault(_name(seeds[min(seeds)]), []).append(seeds[min(seeds)])
    for seeds in found.values():
        first = seeds[min(seeds)]
        label = _name(first)
        if len(others := alike[label]) > 1:  # other bases, learning rates, …: their labels tell them apart
            bare = re.sub(rf"-seed{first.seed}(?!\d)", "", first.label)
            label = bare if bare != first.label else label + _tell_apart(first, others)
        while label in labels:
            label += " (method)" if not label.endswith(")") else "+"
        labels.add(label)
        methods.append(Method(label, first, {seed: seeds[seed].label for seed in sorted(seeds)}))
    return methods


def _name(model: Model) -> str:
    """``lora r=8 group_dro cda``: method and rank, and what of the training they do not say."""
    told = json.loads(model.recipe or "{}")
    rank = f" r={model.rank}" if model.rank else ""
    return f"{model.method or 'method'}{rank}" + "".join(f" {told[k]}" for k in ("objective", "augment") if told.get(k))


def _tell_apart(model: Model, others: Sequence[Model]) -> str:
    """`` lr=0.001``: the settings in which a model's training differs from that of others, without hashes and lists."""
    told, every = json.loads(model.recipe or "{}"), [json.loads(one.recipe or "{}") for one in others]
    plain = [key for key, value in told.items() if isinstance(value, str | int | float) and len(str(value)) <= LONGEST]
    where = f" on {model.base}" if model.base and any(one.base != model.base for one in others) else ""
    return where + "".join(f" {key}={told[key]}" for key in plain if any(one.get(key) != told[key] for one in every))


def add_methods(
    audit: Audit,
    columns: Sequence[Column],
    references: Mapping[str, list[str]],
    metric: Metric,
    settings: Settings,
    choice: Choice,
    make_rows: Callable[..., list[Row]],
) -> tuple[list[Row], list[str]]:
    """Rows of every method with at least ``MIN_SEEDS`` seeds, and lines that say what is claimed about which method.

    A reference that is itself a checkpoint of such a method is replaced by that method, seed by seed, where at least
    ``MIN_SEEDS`` seeds agree; any other reference is one fixed checkpoint.  Methods have a family of their own.
    """
    methods = find_methods(audit.models)
    able = [one for one in methods if len(one.of) >= MIN_SEEDS]
    samples = {(one.model, one.task): one for one in audit.samples}
    pairs: dict[str, list[Pair]] = {}
    for one in able:
        for name in dict.fromkeys(name for label in one.of.values() for name in references[label]):
            if name in one.of.values():
                continue
            other = next(
                (o for o in able if name in o.of.values() and len(o.of.keys() & one.of.keys()) >= MIN_SEEDS), None
            )
            seeds = sorted(one.of.keys() & other.of.keys()) if other else list(one.of)
            against = [other.of[seed] for seed in seeds] if other else [name]
            for column in columns:
                those = [one.of[seed] for seed in seeds]
                if not all(label in column.values for label in [*those, *against]):
                    continue
                found = measure_method(column, one.label, those, against, metric, settings)
                if found is not None:
                    found = replace(found, reference=other.label if other else name)
                    pairs.setdefault(found.reference, []).append(found)
    claimed = [pair for found in pairs.values() for pair in claim(found, metric, settings, choice.is_primary)]
    rows = []
    for one in able:
        for column in columns:
            labels = list(one.of.values())
            if not all(label in column.values for label in labels):
                continue
            alone = measure_method(column, one.label, labels, None, metric, settings)
            mine = [p for p in claimed if p.label == one.label and p.column is column]
            if alone is None:
                continue
            shown = _with_means(column, one, able)
            model = replace(one.first, label=one.label, seed=None)
            made = make_rows(model, shown, samples[labels[0], column.task], alone.summary, mine, settings)
            rows += [row.model_copy(update={"claim": "method", "seeds": sorted(one.of)}) for row in made]
    return rows, _describe(methods, able, claimed)


def _with_means(column: Column, one: Method, able: Sequence[Method]) -> Column:
    """The column with each method's mean over seeds under its label, for the notes on what was compared."""
    means = {
        m.label: np.mean([column.values[label] for label in m.of.values()], axis=0)
        for m in able
        if all(label in column.values for label in m.of.values())
    }
    missing = column.unscored
    if missing is not None:
        missing = {**missing, **{m.label: max(missing.get(label, 0) for label in m.of.values()) for m in able}}
    return replace(column, values={**column.values, **means}, unscored=missing)


def _describe(methods: Sequence[Method], able: Sequence[Method], claimed: Sequence[Pair]) -> list[str]:
    said = ["Claims are about these checkpoints, not about the method, unless a line is marked as the method."]
    for one in able:
        for reference in dict.fromkeys(pair.reference for pair in claimed if pair.label == one.label):
            same = [pair for pair in claimed if pair.reference == reference]
            levels = sum(pair.p_level is not None for pair in same)
            contrasts = sum(len(pair.p_contrast) for pair in same)
            said.append(
                f"{one.label}: claims about the method over {len(one.of)} training seeds, crossed with documents; "
                f"family against {reference}: {levels} level and {contrasts} contrast tests of methods."
            )
    few = [f"{one.label} ({len(one.of)})" for one in methods if one not in able]
    if few:
        said.append(f"No claim about a method with fewer than {MIN_SEEDS} training seeds: {', '.join(few)}.")
    if not methods:
        said = [f"Claims are about these checkpoints, not about the method: that takes {MIN_SEEDS} training seeds."]
    return said
