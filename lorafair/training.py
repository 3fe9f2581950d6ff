"""Run a training sweep: what is done already, what goes on, and how a run becomes a checkpoint folder."""

from __future__ import annotations

import functools
import inspect
import json
import math
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.blame import blame_plugin, describe_plugin
from lorafair.data.augmentation import augment_data
from lorafair.errors import LorafairError, raise_faults
from lorafair.memory_plan import Fit, apply_fit, fit_runs
from lorafair.objective import choose_objective
from lorafair.plan import DEFAULTS, Plan, Run, plan_runs, take_known
from lorafair.plugin_source import hash_sources
from lorafair.process import is_first, note_launcher, wait
from lorafair.rank_check import find_rank_faults
from lorafair.rate import AUTO, choose_rate, count_trials
from lorafair.registry import load_registry, load_target
from lorafair.run_folder import clear_up, look_up, put_in_place, read_inputs, write_provenance
from lorafair.training_data import count_examples, load_training_data
from lorafair.training_hint import find_hint

if TYPE_CHECKING:
    from lorafair.base import Base
    from lorafair.checkpoint import Checkpoint
    from lorafair.membership.split import Split
    from lorafair.registry import Entry


def train_runs(plan: Plan, say: Callable[[str], None] = print, names: Collection[str] | None = None) -> list[Path]:
    """Train every run of a plan that is not trained yet, and return all checkpoint folders in the plan's order.

    A run is trained in ``<out>/.partial-<name>`` and moved to ``<out>/<name>`` when whole.  The base is read and the
    data tokenised once for all runs.

    Args:
        names: of the runs that are meant, None for all; other processes may train other runs of the plan.

    Raises:
        LorafairError: faults of the plan, the base, the data or a folder that holds another run, before anything is
            trained; a full disk or memory, with what to do, after which the same command goes on.
        KeyboardInterrupt: after Ctrl-C; the same command goes on.
    """
    from lorafair.base import Base
    from lorafair.checkpoint import read_base
    from lorafair.data.composition import compose_data
    from lorafair.membership.split import hold_out

    runs = [run for run in plan_runs(plan) if names is None or run.name in names]
    if not is_first():
        say = _say_nothing
    found = read_base(plan.base)
    data, split = load_training_data(plan.trainer, plan.data, plan.data_options), None
    data = compose_data(data, plan.composition, rows=plan.composition_rows, seed=plan.composition_seed)
    if plan.holdout is not None:
        data, split = hold_out(data, plan.holdout, plan.split_seed)
        say(f"held out: {len(split.nonmembers)} rows, {len(split.members)} to train on (members.json beside each run)")
    data = augment_data(plan.augment, data, say)
    todo, faults = [], []
    choose_objective(runs[0].settings, data)
    for run in runs:
        inputs = describe_inputs(run, found, data)
        fault, done = look_up(plan, run, inputs)
        if fault:
            faults.append(fault)
        elif done:
            if is_first():
                clear_up(plan, run, inputs)
            say(f"already trained: {plan.out / run.name}")
        else:
            todo.append(run)
    raise_faults("Nothing was trained", faults)
    if todo:
        dtype = plan.settings.get("dtype", DEFAULTS["dtype"])
        fits = fit_runs(plan, todo, found, data)
        uses, head = len(todo) + count_trials(plan.out, todo), getattr(data, "head", None)
        base = Base(found, dtype, uses=uses, head=head, quantize=plan.quantize)
        faults, notes = find_rank_faults(todo, base)
        raise_faults("Nothing was trained", faults)
        for note in [*notes, *note_launcher()]:
            say(f"note: {note}")
        for run in todo:
            inputs, fit = describe_inputs(run, found, data), fits.get(run.name)
            fitted = apply_fit(plan, fit)
            if fit is not None:
                say(f"{run.name}: {fit.tell()}")
            if run.settings["lr"] == AUTO:
                run = choose_rate(plan.out, run, data, inputs, functools.partial(fit_run, fitted, base), say)
            say(f"trained: {train_run(fitted, run, base, data, inputs, split, fit)}")
    return [plan.out / run.name for run in runs]


def _say_nothing(text: str) -> None:
    """What is said once is said by the first process."""


def describe_inputs(run: Run, base: Checkpoint | Base, data: Any) -> dict[str, Any]:
    """Everything that shapes a run's weights: two runs with equal inputs are the same run.

    A stranger's method, trainer and objective are told by their distribution, its version and the hash of their code.
    """
    inputs = {**run.settings, "seed": run.seed, "base": base.hash, "data": data.provenance["sha256"]}
    for kind in ("method", "trainer", "objective"):
        if kind not in run.settings:
            continue
        entry = load_registry().get(kind, run.settings[kind])
        if entry.origin != "lorafair":
            inputs[f"{kind}_origin"] = f"{entry.origin} {entry.version}".strip()
            inputs[f"{kind}_source"] = hash_sources(entry)
    return inputs


def train_run(
    plan: Plan,
    run: Run,
    base: Base,
    data: Any,
    inputs: dict[str, Any],
    split: Split | None = None,
    fit: Fit | None = None,
) -> Path:
    """Train one run, or finish it where it was interrupted, and put its folder in place. See :func:`train_runs`."""
    partial, final = plan.out / f".partial-{run.name}", plan.out / run.name
    try:
        checkpoint = fit_run(plan, base, run, data, None, partial, inputs)
        if is_first():
            write_provenance(checkpoint, run, base, data, inputs, fit)
            if split is not None:
                split.write(checkpoint)
            (checkpoint / "plan.json").unlink(missing_ok=True)  # where a trainer writes into `out` itself
            put_in_place(checkpoint, final)
            shutil.rmtree(partial, ignore_errors=True)
        wait()
    except Exception as error:
        hint = find_hint(error, plan, run)
        if hint is None:
            raise
        raise LorafairError(hint) from error
    return final


def fit_run(
    plan: Plan, base: Base, run: Run, data: Any, validation: Any, partial: Path, inputs: dict[str, Any]
) -> Path:
    """Train one run in ``partial``, going on where it was interrupted with the same inputs; its checkpoint there.

    ``validation``: data whose loss the trainer is to measure at the end.
    """
    registry = load_registry()
    of_method = registry.get("method", run.settings["method"])
    of_trainer = registry.get("trainer", run.settings["trainer"])
    method, trainer = load_target(of_method), load_target(of_trainer)
    hyper = {k: v for k, v in run.settings.items() if k in DEFAULTS and k != "dtype"} | {"lr": run.settings["lr"]}
    shape = _describe_shape(run, method, base, data)
    try:
        with _blame_stranger(of_method, plan, run):
            config = method(**take_known(method, shape))
        if is_first():
            if not plan.resume or read_inputs(partial / "plan.json") != inputs:
                shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True, exist_ok=True)
            (partial / "plan.json").write_text(json.dumps({"settings": {"inputs": inputs}}), encoding="utf-8")
        wait()
        told = {"seed": run.seed, "label": run.name, "save_steps": plan.save_steps, **hyper}
        told |= {"gradient_checkpointing": plan.gradient_checkpointing, "micro_batch": plan.micro_batch}
        told |= run.settings.get("trainer_options", {})
        told |= {"objective": choose_objective(run.settings, data), "validation": validation}
        with _blame_stranger(of_trainer, plan, run):
            written = trainer(base, data, config, partial, **take_known(trainer, told))
        if not is_first():  # the first may have put it in its place by now
            return Path(written)
        return _check_checkpoint(written, of_trainer, partial, run)
    except Exception as error:
        hint = find_hint(error, plan, run)
        if hint is None:
            raise
        raise LorafairError(hint) from error


def _describe_shape(run: Run, method: Any, base: Base, data: Any) -> dict[str, Any]:
    """What a method may ask for: the run's own settings and options, how long it is, and the base's linear layers."""
    shape = {k: run.settings[k] for k in ("rank", "alpha", "target_modules") if run.settings[k] is not None}
    examples = count_examples(data, base, run.settings)
    steps = count_steps(examples, run.settings["batch_size"], run.settings["epochs"])
    shape |= {"seed": run.seed, "steps": steps, **run.settings.get("method_options", {})}
    if "modules" in inspect.signature(method).parameters:
        shape["modules"] = base.list_modules()
    return shape


def count_steps(rows: int, batch_size: int, epochs: float) -> int:
    """Optimizer steps of a run, as transformers' Trainer counts them on one process."""
    return math.ceil(epochs * math.ceil(rows / batch_size))


@contextmanager
def _blame_stranger(entry: Entry, plan: Plan, run: Run) -> Iterator[None]:
    """Name a stranger's plugin in what it raises, unless it is a fault of the machine."""
    try:
        yield
    except Exception as error:
        if entry.origin == "lorafair" or find_hint(error, plan, run) is not None:
            raise
        with blame_plugin(entry, f"on {run.name}"):
            raise


def _check_checkpoint(written: Any, entry: Entry, partial: Path, run: Run) -> Path:
    """The folder that a trainer says it wrote, once it is one, in the run's own folder, and holds a model."""
    what = f"The {describe_plugin(entry)} did not train {run.name}"
    if not isinstance(written, str | Path):
        raise LorafairError(f"{what}: it returned {written!r} where the checkpoint's folder is expected.")
    folder = Path(written)
    if not folder.is_dir() or not folder.resolve().is_relative_to(partial.resolve()):
        raise LorafairError(f"{what}: {folder} is no folder below the `out` that it was given.")
    if not any((folder / name).is_file() for name in ("adapter_config.json", "config.json")):
        raise LorafairError(f"{what}: {folder} holds neither adapter_config.json nor config.json.")
    return folder
