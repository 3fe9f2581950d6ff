"""The base of classifiers: it has no head, so it has a line without numbers, and nothing is compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lorafair.identity import Model
from lorafair.leaderboard.model_field import describe_model, describe_nothing
from lorafair.records import Row

NO_HEAD = "no head"
EXPLAINED = (
    "No head: {models} has no classification head of its own, and one drawn at random would answer at random. It is "
    "not asked, and checkpoints are compared with full fine-tuning, or with what --against names."
)


def mark_headless(results: Iterable[Mapping[str, Any]], asked: Sequence[Model], probed: Sequence[Model]) -> list[Model]:
    """All models, with the base that classifiers' results name and that was not asked for want of a head.

    Args:
        results: parsed results files.
        asked: the models of results files.
        probed: these, and those that only probes measured.
    """
    found: dict[str, Model] = {}
    for each in results:
        ours = each.get("lorafair") or {}
        head, digest = ours.get("head"), ours.get("base_hash")
        if isinstance(head, dict) and head.get("base_answers") is False and isinstance(digest, str):
            if any(one.kind == "base" and digest in (one.base_hash, one.hash) for one in asked):
                continue
            name = str(ours.get("base"))
            found.setdefault(digest, Model("base", "base", name, digest, digest, headless=True))
    everyone, taken = list(probed), {one.label for one in probed}
    for k, one in enumerate(everyone):
        if one.kind == "base" and {one.base_hash, one.hash} & found.keys():
            everyone[k] = replace(one, headless=True, probed=True)
    return everyone + [one for one in found.values() if one.label not in taken][:1]


def add_headless(models: Iterable[Model], rows: Sequence[Row]) -> list[Row]:
    """The rows, with one that says so for each base without a head and each task and metric of its checkpoints."""
    more = []
    for model in models:
        if not model.headless:
            continue
        seen = {(row.task, row.metric): row for row in rows if row.kind == "overall" and not row.descriptive}
        own = {(row.task, row.metric) for row in rows if row.model == model.label}
        more += [_empty(row, model) for key, row in seen.items() if key not in own and row.probe is None]
    return [*more, *rows]


def explain_headless(rows: Iterable[Row]) -> list[str]:
    """The foot line about bases without a head, where there are any."""
    models = list(dict.fromkeys(row.model for row in rows if row.failed == NO_HEAD))
    return [EXPLAINED.format(models=", ".join(models))] if models else []


def _empty(row: Row, model: Model) -> Row:
    return Row(
        **describe_model(model),
        task=row.task,
        task_version=row.task_version,
        metric=row.metric,
        metric_label=row.metric_label,
        higher_is_better=row.higher_is_better,
        sample_data=row.sample_data,
        capability=row.capability,
        **describe_nothing(NO_HEAD),
    )
