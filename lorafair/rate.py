"""The learning rate that leaves the lowest loss on held-out data: ``lr: auto``.

Every cell of a sweep (a method at a rank) is tried at each rate of a grid, on the training data without a validation
part that is drawn by whole clusters; the rate of the lowest validation loss trains the cell's runs, on all of the data.
The papers gave one rate to every method, or chose on test data.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.errors import DivergedError, LorafairError
from lorafair.process import count_processes

if TYPE_CHECKING:
    from lorafair.plan import Run

AUTO = "auto"
GRIDS = {
    **dict.fromkeys(("vera", "ia3", "prompt_tuning", "prefix_tuning", "head"), (1e-3, 3e-3, 1e-2, 3e-2)),
    "full": (1e-5, 2e-5, 5e-5, 1e-4),
}
"""Rates that are tried for a method; ADAPTERS for all others."""
ADAPTERS = (1e-4, 2e-4, 5e-4, 1e-3)
RECORD = "trials.json"


@dataclass(frozen=True)
class Search:
    """How ``lr: auto`` chooses.

    ``grid`` of rates, empty for the method's own; ``share`` of a run's epochs that a trial takes (its schedule ends
    there); ``validation``: expected share of the clusters that are held out; ``seed`` draws the split and trains the
    trials, and is none of the runs' seeds.
    """

    grid: Sequence[float] = ()
    share: float = 0.25
    validation: float = 0.1
    seed: int = 7

    def describe(self, method: str) -> dict[str, Any]:
        """The search for one method in plain values, the grid spelled out and ascending."""
        grid = sorted(set(self.grid)) or list(GRIDS.get(method, ADAPTERS))
        return {"grid": grid, "share": self.share, "validation": self.validation, "seed": self.seed}


def find_search_faults(lr: Any, search: Search) -> list[str]:
    """A sentence per fault of a plan's ``lr`` and search."""
    if isinstance(lr, str) and lr != AUTO:
        return [f"lr is {lr!r}; give a number above 0, or auto."]
    if lr != AUTO:
        return ["--lr-grid without --lr auto. Add --lr auto, or leave it out."] if search.grid else []
    faults = ["--lr auto chooses in one process. Choose there, then launch with --lr NUMBER."] * (count_processes() > 1)
    faults += [f"lr_grid holds {rate}; a rate is above 0." for rate in search.grid if not 0 < rate < math.inf]
    if not 0 < search.share <= 1:
        faults.append(f"lr_share is {search.share}; it is above 0 and at most 1.")
    if not 0 < search.validation < 1:
        faults.append(f"lr_validation is {search.validation}; it is between 0 and 1.")
    return faults


def split_data(data: Any, search: dict[str, Any]) -> tuple[Any, Any]:
    """Training data without the validation part, and that part; whole clusters, by the search's own seed.

    Raises:
        LorafairError: if one of them is empty.
    """
    from lorafair.data.replacement import replace_rows
    from lorafair.data.split import split_clusters

    parts = split_clusters((row["cluster"] for row in data.rows), search["validation"], search["seed"])
    kept, held_out = ([r for r in data.rows if parts[r["cluster"]] == part] for part in ("train", "test"))
    if not kept or not held_out:
        raise LorafairError(
            f"--lr auto needs held-out data, but of {len(parts)} cluster{'s' * (len(parts) != 1)} of {data.name} "
            f"{'none' if not held_out else 'all'} fell into the validation part. Give --lr-validation (now "
            f"{search['validation']:g}), another --lr-seed, or --lr NUMBER."
        )
    return replace_rows(data, kept), replace_rows(data, held_out)


def count_trials(out: Path, runs: Sequence[Run]) -> int:
    """Trials that are still to be trained for these runs (as far as the folder tells), for the copies of the base."""
    cells = {_find_folder(out, run): run for run in runs if run.settings["lr"] == AUTO}
    return sum(
        len(set(run.settings["lr_search"]["grid"]) - {trial["lr"] for trial in _read_record(folder, None)})
        for folder, run in cells.items()
    )


def choose_rate(
    out: Path,
    run: Run,
    data: Any,
    inputs: dict[str, Any],
    fit: Callable[[Run, Any, Any, Path, dict[str, Any]], Path],
    say: Callable[[str], None],
) -> Run:
    """The run with the rate of its cell's best trial; trials that are not done yet are done now.

    Args:
        out: the sweep's folder; trials lie in ``.trials/`` there, and go on where they were interrupted.
        run: with ``lr`` "auto" and ``lr_search``.
        data: of the run, all of it.
        inputs: of the run (lorafair.training.describe_inputs); trials of other inputs are not taken up.
        fit: (run, data, validation, folder, inputs) -> checkpoint with a training.json that has ``validation_loss``.
        say: takes one line for the user.

    Returns:
        the run with ``lr`` a number, and ``lr_trials``: ``lr``, ``validation_loss`` (None where the loss was no number
        any more), ``steps`` and ``seconds`` of each.

    Raises:
        LorafairError: if no trial ended with a loss, and what ``fit`` raises.
    """
    search = run.settings["lr_search"]
    folder = _find_folder(out, run)
    told = {**inputs, "seed": search["seed"]}
    trials = _read_record(folder, told)
    kept, held_out = split_data(data, search)
    for rate in search["grid"]:
        if any(trial["lr"] == rate for trial in trials):
            continue
        settings = {**run.settings, "lr": rate, "epochs": run.settings["epochs"] * search["share"]}
        trial = replace(run, name=f"{folder.name} lr {rate:g}", seed=search["seed"], settings=settings)
        trials.append(_try_rate(trial, kept, held_out, folder / f"lr{rate:g}", told, fit))
        _write_record(folder, told, trials)
    able = [trial for trial in trials if trial["validation_loss"] is not None]
    if not able:
        raise LorafairError(f"{folder.name}: no rate of {search['grid']} ended with a loss. Give a lower --lr-grid.")
    best = min(able, key=lambda trial: (trial["validation_loss"], trial["lr"]))
    edge = len(search["grid"]) > 1 and best["lr"] in (search["grid"][0], search["grid"][-1])
    say(
        f"{run.name}: lr {best['lr']:g} of {', '.join(f'{rate:g}' for rate in search['grid'])} (validation loss "
        f"{best['validation_loss']:.4f}){'; at the end of the grid: a wider --lr-grid may be better' if edge else ''}"
    )
    trials = sorted(trials, key=lambda trial: trial["lr"])
    return replace(run, settings={**run.settings, "lr": best["lr"], "lr_trials": trials})


def _try_rate(
    trial: Run,
    kept: Any,
    held_out: Any,
    folder: Path,
    inputs: dict[str, Any],
    fit: Callable[[Run, Any, Any, Path, dict[str, Any]], Path],
) -> dict[str, Any]:
    start = time.monotonic()
    loss, steps = None, None
    try:
        checkpoint = fit(trial, kept, held_out, folder, {**inputs, "lr": trial.settings["lr"]})
        facts = json.loads((checkpoint / "training.json").read_text(encoding="utf-8"))
        if "validation_loss" not in facts:
            raise LorafairError(
                f"The trainer {trial.settings['trainer']!r} wrote no validation_loss. Give --lr NUMBER."
            )
        loss, steps = float(facts["validation_loss"]), facts.get("steps")
    except DivergedError:
        pass  # a rate that is too high is what the search is there to find
    shutil.rmtree(folder, ignore_errors=True)
    found = loss if loss is not None and math.isfinite(loss) else None
    seconds = round(time.monotonic() - start, 1)
    return {"lr": trial.settings["lr"], "validation_loss": found, "steps": steps, "seconds": seconds}


def _find_folder(out: Path, run: Run) -> Path:
    return out / ".trials" / run.name.removesuffix(f"-seed{run.seed}")


def _read_record(folder: Path, inputs: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The trials that are done; none where they were done with other inputs."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        same = inputs is None or found["inputs"] == json.loads(json.dumps(inputs))
        return [trial for trial in found["trials"] if "validation_loss" in trial and "lr" in trial] if same else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write_record(folder: Path, inputs: dict[str, Any], trials: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f"{RECORD}.part"
    with open(half, "w", encoding="utf-8") as file:
        json.dump({"inputs": inputs, "trials": trials}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    half.replace(folder / RECORD)
