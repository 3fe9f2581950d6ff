"""A training sweep as asked for: every method at every rank with every seed, spelled out as runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, raise_faults
from lorafair.memory_plan import find_memory_faults
from lorafair.method_option import find_option_faults, name_options
from lorafair.objective_plan import find_objective_faults, name_objective
from lorafair.quantization import find_quantize_faults
from lorafair.rate import AUTO, Search, find_search_faults
from lorafair.registry import load_registry, load_target

FULL_LR = 5e-5
ADAPTER_LR = 10 * FULL_LR
ALPHA_RULE = "2r"
DEFAULTS: dict[str, Any] = {
    "epochs": 1.0,
    "batch_size": 8,
    "warmup_ratio": 0.0,
    "weight_decay": 0.0,
    "schedule": "linear",
    "max_length": 512,
    "dtype": "float32",
    "precision": "fp32",
}
"""Settings of every run beside its method, rank, alpha, targets, learning rate and seed."""
OF_TRAINERS = (
    *("base", "data", "method", "out", "seed", "label", "save_steps", "lr", "gradient_checkpointing"),
    "micro_batch",
    *("objective", "validation", *DEFAULTS),
)
"""What a run gives to every trainer that names it; all other parameters are options."""


@dataclass(frozen=True)
class Plan:
    """What a sweep is asked for: every method at every rank with every seed.

    ``alpha`` None is the rule alpha = 2 rank; ``lr`` None is 5e-5 for full fine-tuning and 5e-4 for adapters;
    it is chosen on held-out data where it is "auto" (see lorafair.rate), by ``search``.  ``options`` are the methods'
    own, ``trainer_options`` the trainer's (see lorafair.method_option), ``data_options`` the data's (see
    lorafair.data.row); ``objective`` weighs the losses of a batch, with ``objective_options`` (None: the trainer's own
    loss); ``augment`` changes the data ("cda": gender twins added); ``settings`` overrides ``DEFAULTS``;
    ``composition`` and what belongs to it are those of lorafair.data.composition; ``holdout`` is the share of the
    data's clusters that is not trained on, drawn by ``split_seed`` and recorded; ``quantize`` ("4bit", "8bit") holds
    the base's linear layers in so many bits (lorafair.quantization); ``max_memory`` ("8GB") has steps taken in passes
    (``micro_batch``) until a run is predicted to stay below it (lorafair.memory_plan).
    """

    base: str
    data: str
    methods: Sequence[str]
    ranks: Sequence[int] = ()
    seeds: Sequence[int] = (13,)
    trainer: str = "sft"
    alpha: float | None = None
    target_modules: Sequence[str] = ("all-linear",)
    lr: float | str | None = None
    search: Search = Search()
    options: Mapping[str, Any] = field(default_factory=dict)
    data_options: Mapping[str, Any] = field(default_factory=dict)
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    objective: str | None = None
    objective_options: Mapping[str, Any] = field(default_factory=dict)
    augment: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    composition: Mapping[str, float] | None = None
    composition_rows: int | None = None
    composition_seed: int = 0
    holdout: float | None = None
    split_seed: int = 0
    out: Path = Path("runs")
    name: str | None = None
    save_steps: int | None = None
    gradient_checkpointing: bool = False
    micro_batch: int | None = None
    max_memory: str | None = None
    quantize: str | None = None
    resume: bool = True
    overwrite: bool = False


@dataclass(frozen=True)
class Run:
    """One checkpoint to train: ``name`` of its folder, its method and seed, and every setting that shapes its weights.

    ``settings`` holds method, rank, alpha, alpha_rule, target_modules, trainer, lr, the keys of ``DEFAULTS``, and where
    there are any ``method_options``, ``objective``, ``objective_options``, ``augment``, ``quantize`` and ``lr_search``.
    """

    name: str
    seed: int
    settings: dict[str, Any]


def plan_runs(plan: Plan) -> list[Run]:
    """The runs of a plan, in the order given, full fine-tuning last.

    Raises:
        LorafairError: with every fault at once: unknown methods and trainers, ranks for methods that have none, no
            rank for a method that needs one, values out of range, a name that does not fit.
    """
    registry = load_registry()
    faults: list[str] = []
    methods: dict[str, Any] = {}
    for kind, names in (("trainer", [plan.trainer]), ("method", plan.methods)):
        for name in names:
            try:
                target = load_target(registry.get(kind, name))
                if kind == "method":
                    methods[name] = target
                else:
                    faults += _find_ignored(name, target, plan)
                    faults += find_option_faults(plan.trainer_options, {name: target}, "trainer", OF_TRAINERS)
            except LorafairError as error:
                faults.append(str(error))
    takes = {name: inspect.signature(target).parameters for name, target in methods.items()}
    ranked = [name for name in methods if "rank" in takes[name]]
    if not plan.methods:
        faults.append("No method. Give --method lora, --method full, or both.")
    if plan.ranks and methods and not ranked and len(methods) == len(set(plan.methods)):
        faults.append(f"--rank means nothing to {', '.join(methods)}. Leave it out, or add --method lora.")
    if ranked and not plan.ranks:
        faults.append(f"The method {ranked[0]!r} needs a rank. Add --rank 8, or several.")
    faults += find_option_faults(plan.options, methods)
    settings = {**DEFAULTS, **plan.settings}
    faults += _find_bad_values(plan, settings)
    faults += find_objective_faults(plan)
    faults += find_memory_faults(plan) + find_quantize_faults(plan)
    faults += find_search_faults(plan.lr, plan.search)
    cells = [
        (m, r) for m in dict.fromkeys(plan.methods) for r in (dict.fromkeys(plan.ranks) if m in ranked else [None])
    ]
    cells.sort(key=lambda cell: cell[0] == "full")  # by then the kept copy of the base is not needed any more
    seeds = list(dict.fromkeys(plan.seeds))
    if plan.name and len(cells) * len(seeds) > 1:
        faults.append(f"--name {plan.name} names one run, but {len(cells) * len(seeds)} are asked for. Use --out.")
    if plan.name and not re.fullmatch(r"\w[\w.+\-]{0,99}", plan.name):
        faults.append(f"--name {plan.name!r} is no folder name: letters, digits, '_', '.', '+' and '-'.")
    raise_faults("The training cannot start", faults)
    runs = []
    for method, rank in cells:
        scaled = "alpha" in takes[method]
        alpha = (2 * (rank or 1) if plan.alpha is None else plan.alpha) if scaled else None
        targets = plan.target_modules[0] if list(plan.target_modules) == ["all-linear"] else sorted(plan.target_modules)
        shape: dict[str, Any] = {
            "method": method,
            "rank": rank,
            "alpha": int(alpha) if alpha is not None and alpha == int(alpha) else alpha,
            "alpha_rule": (ALPHA_RULE if plan.alpha is None else "fixed") if scaled else None,
            "target_modules": targets if "target_modules" in takes[method] else None,
            "trainer": plan.trainer,
            "lr": plan.lr if plan.lr is not None else (FULL_LR if method == "full" else ADAPTER_LR),
        }
        chosen = {
            "method_options": dict(plan.options),
            "trainer_options": dict(plan.trainer_options),
            "objective": plan.objective,
            "objective_options": dict(plan.objective_options),
            "augment": plan.augment,
            "quantize": plan.quantize,
            "lr_search": plan.search.describe(method) if plan.lr == AUTO else None,
        }
        shape |= {key: value for key, value in chosen.items() if value}
        for seed in seeds:
            name = (method if rank is None else f"{method}-r{rank}") + name_options(plan.options) + name_objective(plan)
            name += f"-{plan.quantize}" if plan.quantize else ""
            name = plan.name or (f"{name}-seed{seed}" if len(seeds) > 1 else name)
            runs.append(Run(name, seed, {**shape, **settings}))
    return runs


def take_known(function: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that a function has a parameter for; all of them where it has ``**settings``."""
    parameters = inspect.signature(function).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return {key: value for key, value in settings.items() if takes_all or key in parameters}


def _find_ignored(name: str, trainer: Any, plan: Plan) -> list[str]:
    """A sentence per setting that was asked for and that the trainer has no parameter for."""
    asked = {key: value for key, value in plan.settings.items() if value != DEFAULTS.get(key) and key != "dtype"}
    if plan.lr is not None:
        asked["lr"] = plan.lr
    if plan.gradient_checkpointing:
        asked["gradient_checkpointing"] = True
    named = inspect.signature(trainer).parameters  # **settings would take these two and do nothing about them
    faults = []
    if plan.lr == AUTO and "validation" not in named:
        faults.append(f"The trainer {name!r} measures no loss on held-out data for --lr auto. Give --lr NUMBER.")
    if plan.objective and "objective" not in named:
        faults.append(f"The trainer {name!r} takes no objective. Leave out --objective.")
    return faults + [
        f"The trainer {name!r} takes no {key}. Leave out --{key.replace('_', '-')}."
        for key in asked
        if key not in take_known(trainer, asked)
    ]


def _find_bad_values(plan: Plan, settings: Mapping[str, Any]) -> list[str]:
    lr = None if isinstance(plan.lr, str) else plan.lr
    positive = {"lr": lr, "alpha": plan.alpha, **{k: settings[k] for k in ("epochs", "batch_size", "max_length")}}
    faults = [
        f"{key} is {value}; it must be above 0."
        for key, value in positive.items()
        if value is not None and not value > 0
    ]
    if plan.holdout is not None and not 0 < plan.holdout < 1:
        faults.append(f"--holdout is {plan.holdout:g}; it must be above 0 and below 1.")
    faults += [f"rank is {rank}; it must be at least 1." for rank in plan.ranks if rank < 1]
    faults += [f"unknown setting {key!r}." for key in settings if key not in DEFAULTS]
    if "all-linear" in plan.target_modules and len(plan.target_modules) > 1:
        faults.append("--target-modules all-linear already means every linear layer; leave out the other names.")
    if not plan.target_modules:
        faults.append("--target-modules is empty; leave it out for all-linear.")
    return faults
