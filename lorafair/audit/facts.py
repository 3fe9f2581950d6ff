"""What a recipe needs and what of it is here: bases, training data, tasks with their requests, probes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry import load_registry

if TYPE_CHECKING:
    from lorafair.audit.recipe import Recipe
    from lorafair.audit.sweep import Sweep
    from lorafair.checkpoint import Checkpoint
    from lorafair.plan import Plan

CHARACTERS = 4.0
"""Characters in a token, where none was counted: a rule of thumb for English."""


@dataclass(frozen=True)
class Asked:
    """What one task asks of one checkpoint: requests, and the tokens read and written for them."""

    requests: int
    read: int
    written: int


@dataclass(frozen=True)
class Length:
    """Rows of training data and their tokens: mean, longest, and whether they were counted."""

    rows: int
    mean: float
    longest: int
    counted: bool


@dataclass
class Facts:
    """``bases``: name -> its checkpoint, None where it is not here; ``data``: base -> :func:`name_data` -> its
    :class:`Length`.

    ``tasks``: (number of the eval block, task) -> what it asks; ``missing``: a sentence per thing that is not here.
    """

    bases: dict[str, Checkpoint | None] = field(default_factory=dict)
    data: dict[str, dict[str, Length]] = field(default_factory=dict)
    tasks: dict[tuple[int, str], Asked] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)


def collect_facts(recipe: Recipe, sweeps: list[Sweep]) -> Facts:
    """Look for everything that a recipe names; no model is fetched, trained or asked.

    Raises:
        LorafairError: with every fault at once: names that nobody knows, settings that a probe or the statistics do
            not take.  What is known but not here is in ``missing`` instead.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    facts, faults = Facts(), list[str]()

    def attempt(where: str, look: Callable[..., Any], *what: Any) -> None:
        try:
            look(*what)
        except LorafairError as error:
            faults.append(f"{where}: {error}")

    for name, model in recipe.bases.items():
        _find_base(name, model, facts)
    for name in dict.fromkeys(name_data(sweep.plan) for sweep in sweeps):
        same = [sweep for sweep in sweeps if name_data(sweep.plan) == name]
        attempt("train", _count_rows, same, recipe, facts)
    for sweep in sweeps:
        _check_memory(sweep, facts)
    metrics: set[str] = set()
    for number, block in enumerate(recipe.eval):
        where = "eval" if len(recipe.eval) == 1 else f"eval.{number}"
        if block.engine != "auto":
            attempt(where, load_registry().get, "engine", block.engine)
        attempt(where, _count_requests, number, block, facts, metrics)
    for number, probe in enumerate(recipe.probes):
        attempt(f"probes.{number}", _check_probe, probe)
    if recipe.eval and not any("tasks" in line for line in facts.missing):
        faults += _find_unknown_metrics(recipe, metrics)
    raise_faults("The audit cannot start", dict.fromkeys(faults))
    return facts


def _find_base(name: str, model: str, facts: Facts) -> None:
    from lorafair.checkpoint import read_base

    path = Path(model).expanduser()
    facts.bases[name] = None
    if path.is_dir():
        try:
            facts.bases[name] = read_base(model)
        except LorafairError as error:
            facts.missing.append(f"the base {name}: {error}")
    elif _looks_remote(model, path):
        facts.remote.append(f"the base {name} is fetched from the Hub ({model}) when the audit runs")
    else:
        facts.missing.append(f"the base {name}: there is no folder {model}. {_suggest_pull(path)}")


def _looks_remote(model: str, path: Path) -> bool:
    """Whether a name is a Hub id: owner/name, and neither a folder's beginning here nor a model that can be pulled."""
    if model.startswith((".", "/", "~")) or model.count("/") != 1 or path.parent.is_dir():
        return False
    return path.name not in load_registry().names("model")


def _suggest_pull(path: Path) -> str:
    if path.name in load_registry().names("model"):
        return f"Make it with: lorafair models pull {path.name}" + (f" --out {path.parent}" if path.parent.name else "")
    return "Give a model folder or a Hub id."


def name_data(plan: Plan) -> str:
    """What distinguishes the training data of two plans: the set, how it is read, its composition."""
    composition = ", ".join(f"{group} {share:g}" for group, share in (plan.composition or {}).items())
    rest = f" ({composition})" if composition else ""
    return f"{plan.data}{rest}" if plan.trainer == "sft" else f"{plan.data}{rest} for {plan.trainer}"


def _count_rows(sweeps: list[Sweep], recipe: Recipe, facts: Facts) -> None:
    plan, name = sweeps[0].plan, sweeps[0].plan.data
    registry, path = load_registry(), Path(name).expanduser()
    if name not in registry.names("dataset"):
        if path.suffix not in {".jsonl", ".json"} and not path.exists():
            registry.get("dataset", name)  # raises with the closest names
        if not path.exists():
            command = recipe.needs.get(name)
            mend = f"Make it with: {command}" if command else "Mend `data:`."
            facts.missing.append(f"the training data: there is no file {name}. {mend}")
            return
    try:
        rows = load_rows(plan)
    except LorafairError as error:
        if path.exists():
            raise
        facts.missing.append(f"the training data {name}: {error}")
        return
    from lorafair.audit.estimate import measure_rows

    for base in dict.fromkeys(sweep.base for sweep in sweeps):
        count = measure_rows(facts.bases[base], rows)
        facts.data.setdefault(base, {})[name_data(plan)] = Length(len(rows), *count)


def _check_memory(sweep: Sweep, facts: Facts) -> None:
    from lorafair.audit.estimate import HEADS, read_shape
    from lorafair.memory_plan import MEND, find_too_large

    found, data = facts.bases.get(sweep.base), facts.data.get(sweep.base, {}).get(name_data(sweep.plan))
    if found is not None and data is not None and sweep.plan.max_memory is not None:
        head = sweep.plan.trainer in HEADS
        faults = find_too_large(sweep.plan, sweep.runs, read_shape(found), data.longest, head)
        lines = [f"memory for {sweep.base}: {fault} {MEND}." for fault in faults]
        facts.missing += [line for line in lines if line not in facts.missing]


def load_rows(plan: Plan) -> list[Any]:
    """The rows that a plan would train on."""
    from lorafair.data.composition import compose_data
    from lorafair.training_data import load_training_data

    data = load_training_data(plan.trainer, plan.data, plan.data_options)
    data = compose_data(data, plan.composition, rows=plan.composition_rows, seed=plan.composition_seed)
    found: list[Any] = data.rows
    return found


def _count_requests(number: int, block: Any, facts: Facts, metrics: set[str]) -> None:
    from lorafair.preparation import quiet
    from lorafair.settings import check_limit
    from lorafair.task import find_task_folders, load_tasks

    check_limit(block.limit)
    find_task_folders(block.task)
    quiet()
    try:
        loaded = load_tasks(block.task, block.metadata)["tasks"]
    except LorafairError as error:
        facts.missing.append(f"data of the tasks {', '.join(block.task)}: {error}")
        return
    from lm_eval.evaluator_utils import get_sample_size

    for name, task in loaded.items():
        if block.gen_kwargs and task.get_config("output_type") == "generate_until":
            task.set_config(key="generation_kwargs", value=block.gen_kwargs, update=True)
        if task.get_config("num_fewshot") is None or block.num_fewshot is not None:
            task.set_config(key="num_fewshot", value=block.num_fewshot or 0)
        task.set_fewshot_seed(seed=1234)
        task.build_all_requests(limit=get_sample_size(task, block.limit), rank=0, world_size=1)
        facts.tasks[number, name] = _measure(task)
        metrics |= {metric for each in task.aggregation() for metric in (each, f"{name}/{each}")}


def _measure(task: Any) -> Asked:
    requests = read = written = 0
    for one in task.instances:
        times = one.repeats or 1
        texts = [each for each in one.args if isinstance(each, str)]
        requests += times
        read += int(times * (sum(map(len, texts)) / CHARACTERS + 1))
        settings = next((each for each in one.args if isinstance(each, dict)), {})
        if one.request_type == "generate_until":
            written += times * int(settings.get("max_gen_toks") or settings.get("max_new_tokens") or 256)
    return Asked(requests, read, written)


def _check_probe(probe: Any) -> None:
    from lorafair.probing import find_probe
    from lorafair.task import find_task_folders

    faults = []
    for attempt in (
        lambda: find_probe(probe.name, probe.settings),
        lambda: find_task_folders(probe.task),
        lambda: load_registry().get("engine", probe.engine),
    ):
        try:
            attempt()
        except LorafairError as error:
            faults.append(str(error))
    if bool(probe.task) == (probe.data is not None):
        faults.append("Say what to probe with: `task:`, or `data:`, not both.")
    if faults:
        raise LorafairError(" ".join(faults))


def _find_unknown_metrics(recipe: Recipe, metrics: set[str]) -> list[str]:
    """A sentence per metric of the statistics and the report that no task gives and the registry does not know."""
    known = set(load_registry().names("metric")) | metrics
    return [
        f"{where}: there is no metric {name!r}.{did_you_mean(name, known)}"
        for where, names in (("statistics.primary", recipe.statistics.primary), ("report.metric", recipe.report.metric))
        for name in names
        if name not in known and name.rpartition("/")[2].partition(":")[0] not in known
    ]
