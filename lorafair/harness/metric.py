"""Metrics for lm_eval on what the filter ``lorafair_score`` made of answers, and how they are put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lm_eval.api.registry import register_aggregation, register_metric

from lorafair.scoring import THRESHOLD


@register_aggregation("lorafair_mean")  # type: ignore[untyped-decorator]
def mean_of_scored(values: Sequence[float | None]) -> float:
    """Mean over the documents that have a value; NaN (never 0) where none has."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    return math.fsum(known) / len(known) if known else float("nan")


@register_metric(metric="lorafair_score", higher_is_better=False, aggregation="lorafair_mean")  # type: ignore[untyped-decorator]
def mean_score(references: Sequence[Any], predictions: Sequence[Sequence[float | None]], **_: Any) -> float:
    """Mean score of one document's answers.

    Args:
        references: what lm_eval holds for right; not looked at.
        predictions: one list, the document's scores.
    """
    return float(mean_of_scored(predictions[0]))


@register_metric(metric="lorafair_rate", higher_is_better=False, aggregation="lorafair_mean")  # type: ignore[untyped-decorator]
def rate_of_hits(
    references: Sequence[Any], predictions: Sequence[Sequence[float | None]], threshold: float = THRESHOLD, **_: Any
) -> float:
    """Share of one document's scored answers with a score of at least ``threshold``; see :func:`mean_score`."""
    hits = [None if score is None else float(score >= threshold) for score in predictions[0]]
    return float(mean_of_scored(hits))
