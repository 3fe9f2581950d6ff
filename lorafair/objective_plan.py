"""The part of a training plan that is about objectives and augmentation: its faults, and its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol

from lorafair.errors import LorafairError, did_you_mean
from lorafair.method_option import find_option_faults, name_options
from lorafair.registry import load_registry, load_target

AUGMENTS = ("cda",)


class Asked(Protocol):
    """What is read of lorafair.plan.Plan."""

    @property
    def objective(self) -> str | None: ...
    @property
    def objective_options(self) -> Mapping[str, Any]: ...
    @property
    def augment(self) -> str | None: ...


def find_objective_faults(plan: Asked) -> list[str]:
    """A sentence per fault: an unknown objective or augmentation, options that the objective does not take."""
    faults = []
    if plan.augment is not None and plan.augment not in AUGMENTS:
        faults.append(f"There is no augmentation {plan.augment!r}.{did_you_mean(plan.augment, AUGMENTS)}")
    if plan.objective is None:
        if plan.objective_options:
            faults.append("--objective-option without --objective. Add --objective NAME, or leave it out.")
        return faults
    try:
        target = load_target(load_registry().get("objective", plan.objective))
    except LorafairError as error:
        return [*faults, str(error)]
    places = list(inspect.signature(target).parameters)[:2]
    given = (*places, "members", "labels")
    return [*faults, *find_option_faults(plan.objective_options, {plan.objective: target}, "objective", given)]


def name_objective(plan: Asked) -> str:
    """The end of a run's folder name: ``-group_dro-step_size0.1-cda``; empty without objective and augmentation."""
    objective = f"-{plan.objective}{name_options(plan.objective_options)}" if plan.objective else ""
    return objective + (f"-{plan.augment}" if plan.augment else "")
