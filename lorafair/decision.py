"""The record of asking until decided: what a results file says of one checkpoint's question, under ``decision``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, FiniteFloat, ValidationError

from lorafair.records import Record


class Change(Record):
    """One change from the base: ``low`` and ``high`` are the ends of a confidence sequence, in the metric's unit."""

    word: Literal["rise", "fall", "equivalent", "undecided"]
    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


class Contrast(Change):
    """The change of a group against the rest; ``sign`` is +1 or -1 where a verdict names the group, else 0."""

    attribute: str
    group: str
    sign: int = Field(ge=-1, le=1)


class Asked(Record):
    """How much of one task was asked; the base has no ``level``, it is compared with nothing."""

    clusters: int
    of_clusters: int
    documents: int
    of_documents: int
    decided: bool = False
    level: Change | None = None
    contrasts: list[Contrast] = Field(default_factory=list)


class Decision(Record):
    """The question and where it stands: ``alpha`` is shared between ``questions`` (checkpoints x tasks)."""

    metric: str
    margin: float | None
    alpha: float
    questions: int
    seed: int
    against: str
    tasks: dict[str, Asked]


def read_decision(results: dict[str, Any]) -> Decision | None:
    """The decision of a parsed results file; None where there is none that can be read."""
    ours = results.get("lorafair")
    found = ours.get("decision") if isinstance(ours, dict) else None
    try:
        return None if found is None else Decision.model_validate(found)
    except ValidationError:
        return None
