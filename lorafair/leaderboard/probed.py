"""Rows of what probes estimated themselves of a model as a whole: an attack's AUC, say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorafair.identity import Model
from lorafair.leaderboard.area import Changes, check_area, compare_rankings
from lorafair.leaderboard.model_field import describe_model
from lorafair.probe_sample import ProbeSummary
from lorafair.records import Row
from lorafair.samples import Audit
from lorafair.statistics.interval import Estimate

NOTHING = "the probe gives groups only"
OTHER = "not compared: the area is not that of the documents' scores"
Key = tuple[str, str, str]


def describe_models(audit: Audit, references: Mapping[str, list[str]]) -> list[Row]:
    """A row for each summary, with the probe's own interval and nothing claimed: it is in no family of tests.

    A measure that is given of groups only gets an ``overall`` row without a number, which says so.  Areas under ROC
    curves whose documents' scores are there are compared with those of a model's references, and between groups.

    Args:
        references: label -> the labels to compare it with.
    """
    models, rows = {model.label: model for model in audit.models}, list[Row]()
    overall: Mapping[Key, ProbeSummary] = {
        (one.model, one.task, one.measure): one for one in audit.summaries if one.group is None
    }
    changes = _compare(overall, references)
    done = set()
    for one in audit.summaries:
        key = (one.model, one.task, one.measure)
        found = changes.get(key, Changes())
        if key not in done:
            done.add(key)
            rows.append(_describe(models[one.model], overall.get(key), one, found))
        if one.group is not None:
            rows.append(_describe(models[one.model], one, one, found))
    return rows


def _compare(overall: Mapping[Key, ProbeSummary], references: Mapping[str, list[str]]) -> dict[Key, Changes]:
    """What is said of each area whose documents are known, and are what it was made from."""
    ranked = {key: one.ranking for key, one in overall.items() if one.ranking is not None}
    right = {key: check_area(ranking, overall[key].estimate) for key, ranking in ranked.items()}
    found = {key: Changes(notes=[OTHER]) for key in ranked if not right[key]}
    for key, ranking in ranked.items():
        if right[key]:
            label, task, measure = key
            others = {(each, task, measure): each for each in references.get(label, ())}
            found[key] = compare_rankings(ranking, {n: ranked[k] for k, n in others.items() if right.get(k)})
    return found


def _describe(model: Model, found: ProbeSummary | None, one: ProbeSummary, changes: Changes) -> Row:
    """``found`` as a row; where it is None, the empty overall row of ``one``."""
    group = None if found is None else found.group
    return Row(
        **describe_model(model),
        task=one.task,
        task_version=None,
        metric=one.measure,
        metric_label=one.label,
        higher_is_better=one.higher_is_better,
        kind="overall" if group is None else "group",
        attribute=None if group is None else one.attribute,
        group=group,
        estimate=None if found is None else found.estimate,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        method_interval="not estimable" if found is None or found.low is None else found.method,
        n=0 if found is None else found.n,
        clusters=0 if found is None else found.clusters,
        descriptive=False,
        sample_data=one.sample_data,
        probe=one.probe,
        layer=one.layer,
        notes=[NOTHING] if found is None else [*found.notes, *(changes.notes if group is None else ())],
        **_tell_changes(changes, None if group is None else (str(one.attribute), group)),
    )


def _tell_changes(changes: Changes, group: tuple[str, str] | None) -> dict[str, Any]:
    if group is None:
        return {"comparisons": changes.overall}
    own = changes.contrasts.get(group, Estimate(None))
    contrast = {"contrast": own.value, "contrast_low": own.low, "contrast_high": own.high}
    return {"comparisons": changes.groups.get(group, []), **contrast}
