"""What every row says of its model, and what a row without a number says."""

from __future__ import annotations

from typing import Any

from lorafair.identity import Model


def describe_model(model: Model) -> dict[str, Any]:
    """The fields of a :class:`lorafair.records.Row` that are about its model alone."""
    return {
        "model": model.label,
        "base": model.base,
        "method": model.method,
        "rank": model.rank,
        "trainable_parameters": model.trainable_parameters,
        "engine": model.engine,
        "verified": model.verified,
        "planted": model.planted,
    }


def describe_nothing(why: str) -> dict[str, Any]:
    """The fields of an overall row that has no number.

    Args:
        why: what a reader is told in its place.
    """
    nothing = dict.fromkeys(("attribute", "group", "estimate", "low", "high"))
    shape = {"kind": "overall", "method_interval": "", "n": 0, "clusters": 0, "descriptive": False}
    return nothing | shape | {"failed": why}
