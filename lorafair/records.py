"""The records that the rooms hand to each other: each is one line, or one file, on disk.

``response`` (an engine's answer to one request), ``score`` (a scorer's number for one text of a sample), ``row`` (one
model, task, metric, attribute and group, with its uncertainty) and ``provenance`` (where a result came from).
Every record carries ``schema``; a reader refuses a number it does not know.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1

Verdict = Literal["better", "worse", "mixed", "equivalent", "not worse", "undecided", "no claim"]


class Record(BaseModel):
    """What all records share: unknown fields are refused, the schema is written first."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True, ser_json_inf_nan="null")

    schema_: Literal[1] = Field(default=1, alias="schema")


class Response(Record):
    """One answer of an engine: ``answer`` is what lm-eval's request type returns, as JSON.

    ``generate_until``: a string; ``loglikelihood``: ``[nats, is_greedy]``; ``loglikelihood_rolling``: nats;
    ``next_words``: a list of words.
    """

    key: str
    kind: Literal["generate_until", "loglikelihood", "loglikelihood_rolling", "next_words"]
    answer: Any
    check: str = Field(description="first 8 hex digits of the sha256 of key, kind and answer: a torn line shows")


class Score(Record):
    """One scorer's number for one completion of one sample. ``score`` is None where the scorer could not score it."""

    model: str
    task: str
    doc_id: int
    request: int = Field(description="index of the request within the document")
    repeat: int = Field(description="index of the answer within the request")
    scorer: str
    score: float | None


class Comparison(Record):
    """A paired difference of this model from a reference on the same documents.

    ``quantity`` says of what: ``level`` (the metric itself, model minus reference) or ``contrast`` (the group's metric
    minus the rest's, model minus reference: a change in fairness).  Intervals are 95% unless ``method`` says otherwise;
    contrasts carry simultaneous (max-T) intervals over the groups of one attribute.  ``log_odds`` is a contrast's
    change on that scale; worse and better ask for both.  ``equivalent`` and ``not worse`` are to within ``margin``.
    """

    reference: str
    quantity: Literal["level", "contrast"]
    difference: float | None
    low: float | None
    high: float | None
    method: str
    p: float | None
    p_adjusted: float | None
    minimum_detectable: float | None
    documents: int
    clusters: int
    log_odds: float | None = None
    log_odds_low: float | None = None
    log_odds_high: float | None = None
    log_odds_p: float | None = None
    margin: float | None = None
    p_not_worse: float | None = Field(default=None, description="adjusted p of worse by the margin or more")
    p_equivalent: float | None = Field(default=None, description="adjusted p of a difference of the margin or more")
    verdict: Verdict


class Row(Record):
    """One (model, task, metric, attribute, group). ``kind``: ``overall``, ``group`` or ``gap`` (max minus min).

    A ``gap`` is ``descriptive``: biased upward by noise, it carries no verdict.  None means "not estimable".  A
    descriptive metric (equalized odds difference, worst group, …) has ``gap`` rows only, one per attribute.
    """

    model: str
    base: str | None
    method: str | None
    rank: int | None
    trainable_parameters: int | None
    engine: str | None
    verified: str | None
    planted: dict[str, Any] | None
    task: str
    task_version: str | None
    metric: str
    metric_label: str
    higher_is_better: bool | None
    kind: Literal["overall", "group", "gap"]
    attribute: str | None
    group: str | None
    estimate: float | None
    low: float | None
    high: float | None
    method_interval: str
    n: int = Field(description="documents with this metric (and in this group)")
    clusters: int
    group_n: dict[str, int] = Field(default_factory=dict, description="documents per group, on overall and gap rows")
    contrast: float | None = Field(default=None, description="this group minus the rest, on group rows")
    contrast_low: float | None = None
    contrast_high: float | None = None
    between_variance: float | None = Field(
        default=None, description="double-corrected variance between groups, on gap rows; unbiased, may be negative"
    )
    between_low: float | None = None
    between_high: float | None = None
    omnibus_p: float | None = Field(default=None, description="equal rates over the groups of the attribute, gap rows")
    scorer_gap: float | None = Field(
        default=None, description="the scorer's own gap on identity-swapped neutral text, where a scorer is behind it"
    )
    label_gap: float | None = Field(
        default=None, description="the labels' own difference between groups, beside demographic parity"
    )
    largest_contrast: float | None = Field(
        default=None, description="largest |group minus rest|, one versus rest, on gap rows; descriptive like max - min"
    )
    claim: Literal["checkpoint", "method"] = "checkpoint"
    seeds: list[int] = Field(default_factory=list, description="training seeds behind a claim about a method")
    descriptive: bool
    sample_data: bool
    capability: bool = Field(default=False, description="the documents name no groups: what a model can, not fairness")
    probe: str | None = Field(default=None, description="the probe that measured it: no task's answer")
    layer: int | None = Field(default=None, description="of a measure by layers; 0 is before the first")
    comparisons: list[Comparison] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    failed: str | None = Field(default=None, description="why the plugin behind this column gave no number")


class Probed(Record):
    """One record of a probe about one checkpoint, and about the document ``id`` where it is about one.

    ``values`` are the probe's own; ``groups`` and ``cluster`` are the document's.  :mod:`lorafair.probe_sample` makes
    rows of them.
    """

    probe: str
    model: str
    id: str | None = None
    groups: dict[str, list[str]] = Field(default_factory=dict)
    cluster: str | None = None
    values: dict[str, Any]


class Provenance(Record):
    """Where a result or a checkpoint came from; extra facts of its maker go into ``settings``."""

    kind: Literal["checkpoint", "evaluation", "scores", "rows", "probe"]
    created: str
    versions: dict[str, str]
    platform: str
    git_hash: str | None
    git_dirty: bool | None
    command: list[str]
    seeds: dict[str, int]
    data: dict[str, Any]
    settings: dict[str, Any]
