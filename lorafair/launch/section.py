"""The section ``launcher:`` of a recipe: what tasks need of a machine, how evaluation is shared out, when to give up.

It says how an audit is run and nothing about its results, so it is no part of an audit's design.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

UNITS = {"": 1, "B": 1} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("KMGT", start=1)
    for suffix, base in (("", 1000), ("B", 1000), ("IB", 1024))
}


def read_bytes(value: Any) -> Any:
    """``8GB``, ``500 MiB`` or a number of bytes, as bytes; anything else as it is, for pydantic to refuse.

    Raises:
        ValueError: for text that is no amount of memory.
    """
    if isinstance(value, bool):
        raise ValueError("give an amount of memory as 8GB, or bytes")
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found[2].upper() not in UNITS:
        raise ValueError("give an amount of memory as 8GB or 500MiB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def _refuse_fraction(value: Any) -> Any:
    """A share of one, or whole ones: Ray knows no 1.5 CPUs."""
    if isinstance(value, bool):
        raise ValueError("a number is meant here, not true or false")
    if isinstance(value, int | float) and value > 1 and value != int(value):
        raise ValueError("give a share below 1, or a whole number")
    return value


Amount = Annotated[float, BeforeValidator(_refuse_fraction)]


class Needs(BaseModel):
    """What one task of a kind needs; what is left out comes from the plan (:mod:`lorafair.launch.need`)."""

    model_config = ConfigDict(extra="forbid")

    cpus: Amount | None = Field(default=None, gt=0)
    gpus: Amount | None = Field(default=None, ge=0)
    memory: Annotated[int, BeforeValidator(read_bytes)] | None = Field(default=None, gt=0)


class Launcher(BaseModel):
    """``share``: checkpoints of an evaluation shard; ``retries``: how often a task that was lost is begun again."""

    model_config = ConfigDict(extra="forbid")

    train: Needs = Field(default_factory=Needs)
    eval: Needs = Field(default_factory=Needs)
    probe: Needs = Field(default_factory=Needs)
    share: int = Field(default=4, ge=1)
    retries: int = Field(default=2, ge=0)
