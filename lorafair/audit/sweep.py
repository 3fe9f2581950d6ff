"""A recipe's training spelled out: one sweep per base, block and combination of the axes, and its runs' labels."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.audit.schema import AXES
from lorafair.errors import LorafairError, raise_faults
from lorafair.plan import DEFAULTS, Plan, Run, plan_runs
from lorafair.registry import load_registry, load_target

if TYPE_CHECKING:
    from lorafair.audit.recipe import Recipe

SHORT = {"epochs": "ep", "batch_size": "bs", "composition": "mix", "max_length": "len"}


NAMED = ("objective", "augment")
"""Axes that a run's own name tells already."""


@dataclass(frozen=True)
class Sweep:
    """One call of the trainer: ``plan`` with all that its runs share, for the base called ``base``.

    ``variant`` names the values of the axes that vary in the recipe, ``lr0.001-ep2`` for instance, empty without any.
    """

    base: str
    variant: str
    plan: Plan
    runs: list[Run] = field(default_factory=list)

    def label(self, run: Run) -> str:
        """What a run's checkpoint is called: its own name, and the variant."""
        return "-".join(filter(None, (run.name, self.variant)))

    def train_with(self, *, resume: bool, overwrite: bool) -> Sweep:
        """The same sweep that goes on with interrupted runs or not, and trains again what is trained or not."""
        return replace(self, plan=replace(self.plan, resume=resume, overwrite=overwrite))

    def checkpoints(self) -> dict[str, Path]:
        """Label -> folder of each run's checkpoint, there or not."""
        return {self.label(run): self.plan.out / run.name for run in self.runs}


def plan_sweeps(recipe: Recipe, out: Path) -> list[Sweep]:
    """Every sweep of a recipe, with its runs planned; nothing is read but the registry.

    Args:
        out: the audit's folder; checkpoints go to ``out/runs/<base>/[<variant>/]<name>``.

    Raises:
        LorafairError: with the faults of every block at once, and for two runs that would get one label.
    """
    found: dict[tuple[str, str, str], Sweep] = {}
    faults: list[str] = []
    for number, block in enumerate(recipe.train):
        where = "train" if len(recipe.train) == 1 else f"train.{number}"
        unknown = [name for name in block.by_method if block.method and name not in block.method]
        faults += [
            f"{where}.by_method: {name!r} is none of its methods ({', '.join(block.method)})." for name in unknown
        ]
        try:
            for base in block.base or recipe.bases:
                for sweep in _spell(block, base, recipe.bases[base], out):
                    for run in sweep.runs:
                        key = (base, sweep.label(run), "")
                        if key in found:
                            faults.append(
                                f"{where}: two runs on {base} are called {sweep.label(run)}; merge the blocks."
                            )
                        found[key] = sweep
        except LorafairError as error:
            faults.append(f"{where}: {error}")
    raise_faults("The recipe's training cannot start", dict.fromkeys(faults))
    return list({id(sweep): sweep for sweep in found.values()}.values())


def _spell(block: Any, base: str, model: str, out: Path) -> Iterator[Sweep]:
    methods = block.method or list(block.by_method)
    if not methods:
        raise LorafairError("No method. Give `method: [lora, full]`, or several below `by_method:`.")
    alike: dict[str, tuple[dict[str, Any], list[str]]] = {}
    shared = {k: v for k, v in block.given().items() if k not in ("base", "by_method", "method") and v is not None}
    for method in methods:
        part = block.by_method.get(method)
        own = {k: v for k, v in part.given().items() if v is not None} if part else {}
        settings = {**shared, **own}
        alike.setdefault(repr(sorted(settings.items(), key=str)), (settings, []))[1].append(method)
    for settings, names in alike.values():
        axes = {key: settings[key] for key in AXES if isinstance(settings.get(key), list)}
        for values in itertools.product(*axes.values()):
            chosen = dict(zip(axes, values, strict=True))
            variant = _name({k: v for k, v in chosen.items() if len(axes[k]) > 1}, axes)
            mine = {**settings, **chosen}
            if "auto" in axes.get("lr", ()) and chosen["lr"] != "auto":
                mine.pop("search", None)  # of the other values of the axis
            plan = make_plan(_drop_rank(mine, names), names, model, out / "runs" / base / variant)
            yield Sweep(base, variant, plan, plan_runs(plan))


def _drop_rank(settings: dict[str, Any], methods: list[str]) -> dict[str, Any]:
    """Without the block's rank where none of these methods has one; unknown methods are told later."""
    registry = load_registry()
    known = [load_target(registry.get("method", name)) for name in methods if name in registry.names("method")]
    ranked = any("rank" in inspect.signature(target).parameters for target in known)
    return settings if ranked or len(known) < len(methods) else {k: v for k, v in settings.items() if k != "rank"}


def _name(chosen: dict[str, Any], axes: dict[str, list[Any]]) -> str:
    """The values of the axes in one word that a folder can have."""
    words = []
    for key, value in chosen.items():
        if key in NAMED:
            continue
        if isinstance(value, dict):  # a composition: by its number in the recipe
            value = axes[key].index(value) + 1
        text = f"{value:g}" if isinstance(value, float) else str(value)
        words.append(SHORT.get(key, key) + text)
    return "-".join(words)


def make_plan(settings: dict[str, Any], methods: list[str], model: str, out: Path) -> Plan:
    """The trainer's plan of a block's settings, which are the recipe's own keys."""
    from lorafair.audit.schema import collect_fields

    names = {key: field for key, (field, _, _) in collect_fields("train").items()}
    fields: dict[str, Any] = {
        names[key]: tuple(value) if isinstance(value, list) else value
        for key, value in settings.items()
        if key in names
    }
    more = {key: fields.pop(key) for key in list(fields) if key in DEFAULTS}
    return Plan(base=model, methods=tuple(methods), settings=more, out=out, **fields)
