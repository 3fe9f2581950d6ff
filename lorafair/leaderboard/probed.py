"""Rows of what probes estimated themselves of a model as a whole: an attack's AUC, say."""

from __future__ import annotations

from collections.abc import Mapping

from lorafair.identity import Model
from lorafair.probe_sample import ProbeSummary
from lorafair.records import Row
from lorafair.samples import Audit

NOTHING = "the probe gives groups only"


def describe_models(audit: Audit) -> list[Row]:
    """A row for each summary, with the probe's own interval and nothing claimed: it is in no family of tests.

    A measure that is given of groups only gets an ``overall`` row without a number, which says so.
    """
    models, rows = {model.label: model for model in audit.models}, list[Row]()
    overall: Mapping[tuple[str, str, str], ProbeSummary] = {
        (one.model, one.task, one.measure): one for one in audit.summaries if one.group is None
    }
    done = set()
    for one in audit.summaries:
        key = (one.model, one.task, one.measure)
        if key not in done:
            done.add(key)
            rows.append(_describe(models[one.model], overall.get(key), one))
        if one.group is not None:
            rows.append(_describe(models[one.model], one, one))
    return rows


def _describe(model: Model, found: ProbeSummary | None, one: ProbeSummary) -> Row:
    """``found`` as a row; where it is None, the empty overall row of ``one``."""
    group = None if found is None else found.group
    return Row(
        model=model.label,
        base=model.base,
        method=model.method,
        rank=model.rank,
        trainable_parameters=model.trainable_parameters,
        engine=model.engine,
        verified=model.verified,
        planted=model.planted,
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
        notes=[NOTHING] if found is None else list(found.notes),
    )
