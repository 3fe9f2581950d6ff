"""The schema of a recipe: its sections, held against their types all at once, with the line of every fault.

``train:``, ``eval:`` and ``probes:`` take the settings of the plans that ``lorafair train``, ``eval`` and ``probe`` run
(:class:`lorafair.plan.Plan`, :class:`lorafair.evaluation.EvaluationPlan`, :class:`lorafair.probing.ProbePlan`), so that
a setting that is added there can be given here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from lorafair.audit.source import Place, Source
from lorafair.errors import LorafairError, did_you_mean, raise_faults

if TYPE_CHECKING:
    from lorafair.audit.recipe import Recipe

AXES = ("lr", "epochs", "batch_size", "alpha", "composition", "objective", "augment", "max_length", "weight_decay")
"""Settings of training that may be lists: every combination is trained, beside methods × ranks × seeds."""
MOST_FAULTS = 30


def read_schema(source: Source) -> Recipe:
    """A recipe's values as :class:`lorafair.audit.recipe.Recipe`.

    Raises:
        LorafairError: with all faults at once: unknown sections and keys, values of the wrong type or out of range,
            what is missing.
    """
    from pydantic import ValidationError

    from lorafair.audit.recipe import Recipe

    try:
        return Recipe.model_validate(source.tree)
    except ValidationError as error:
        found = error.errors(include_url=False)
    faults = dict.fromkeys(_tell(source, each, Recipe) for each in found)
    shown = list(faults)[:MOST_FAULTS]
    if len(faults) > MOST_FAULTS:
        shown.append(f"and {len(faults) - MOST_FAULTS} more.")
    raise_faults(f"The recipe {source.name} has faults", shown)
    raise LorafairError(f"The recipe {source.name} cannot be used.")


def _tell(source: Source, error: Any, model: Any) -> str:
    """One of pydantic's errors as a sentence with its place, key and, for unknown keys, what was meant."""
    place: Place = tuple(error["loc"])
    where, key = source.tell(place), ".".join(str(part) for part in place)
    if error["type"] == "extra_forbidden":
        known = _find_keys(model, place[:-1])
        section = ".".join(str(part) for part in place[:-1])
        inside = f" in `{section}:`" if section else ""
        return f"{where}: unknown key {str(place[-1])!r}{inside}.{did_you_mean(str(place[-1]), known)}"
    if error["type"] == "missing":
        return f"{where}: `{key}:` is missing."
    said = re.sub(r"^(Value error|Assertion failed), ", "", str(error["msg"]))
    given = error.get("input")
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) or given is None else ""
    return f"{where}: {key or 'the recipe'}: {said[:1].lower() + said[1:]}{shown}."


def _find_keys(model: Any, place: Place) -> list[str]:
    """The keys that the model at a place of the schema takes."""
    from typing import get_args

    for part in place:
        if isinstance(part, int) or not hasattr(model, "model_fields"):
            continue
        found = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        if found is None:
            continue  # the name of a mapping's element
        kinds = [found.annotation]
        while kinds and not hasattr(kinds[0], "model_fields"):
            kinds = [each for kind in kinds for each in get_args(kind)]
            kinds = [k for k in kinds if hasattr(k, "model_fields")] or kinds
            if not any(get_args(k) or hasattr(k, "model_fields") for k in kinds):
                break
        model = kinds[0] if kinds else model
    return [str(field.alias or name) for name, field in getattr(model, "model_fields", {}).items()]


TRAIN_NAMES = {"methods": "method", "ranks": "rank", "seeds": "seed", "options": "method_option"}
EVAL_NAMES = {"tasks": "task", "checkpoints": "checkpoint"}
NOT_TRAIN = ("base", "out", "name", "resume", "overwrite", "settings", "micro_batch")
NOT_EVAL = ("base", "out", "shard")
NOT_PROBE = (
    *("base", "out", "shard", "checkpoints", "gen_kwargs", "num_fewshot", "until_decided", "margin", "verify", "probe"),
)
CHOICES: dict[str, tuple[str, ...]] = {
    "schedule": ("linear", "cosine", "constant_with_warmup"),
    "dtype": ("float32", "bfloat16", "float16"),
    "precision": ("fp32", "bf16"),
}


@cache
def collect_fields(kind: str) -> dict[str, tuple[str, Any, Any]]:
    """Key of a section -> (field of the plan, its type, its default), for ``train``, ``eval`` and ``probe``."""
    import dataclasses
    from typing import get_type_hints

    from lorafair.evaluation import EvaluationPlan
    from lorafair.plan import DEFAULTS, Plan
    from lorafair.probing import ProbePlan

    plan: Any = {"train": Plan, "eval": EvaluationPlan, "probe": ProbePlan}[kind]
    names = TRAIN_NAMES if kind == "train" else EVAL_NAMES
    hidden = {"train": NOT_TRAIN, "eval": NOT_EVAL, "probe": NOT_PROBE}[kind]
    hints = get_type_hints(plan)
    found: dict[str, tuple[str, Any, Any]] = {}
    for field in dataclasses.fields(plan):
        if field.name not in hidden:
            default = field.default
            if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            key = names.get(field.name) or (field.name[:-1] if field.name.endswith("_options") else field.name)
            found[key] = (field.name, hints[field.name], default)
    if kind == "train":
        for name, default in DEFAULTS.items():
            found.setdefault(name, (name, Any if default is None else type(default), default))
    return found
