"""A sweep's folder: what lies in it already, and how a trained run is put there with its provenance."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.quantization import describe_quantization

if TYPE_CHECKING:
    from lorafair.base import Base
    from lorafair.memory_plan import Fit
    from lorafair.plan import Plan, Run


def look_up(plan: Plan, run: Run, inputs: dict[str, Any]) -> tuple[str | None, bool]:
    """(fault or None, whether the run is already done), from what lies in the sweep's folder."""
    final = plan.out / run.name
    if final.exists() and not plan.overwrite:
        there = read_inputs(final / "provenance.json")
        if there is None:
            return f"{final} exists and was not written by `lorafair train`. Give another --out or --name.", False
        if there != inputs:
            return (
                f"{final} holds another run ({_tell(there, inputs)}). Give another --out or --name, or --overwrite.",
                False,
            )
        return None, True
    partial = plan.out / f".partial-{run.name}"
    if partial.exists() and plan.resume:
        there = read_inputs(partial / "plan.json")
        if there is not None and there != inputs:
            return (
                f"{partial} holds an interrupted run with other settings ({_tell(there, inputs)}). "
                "Finish it, or discard it with --no-resume.",
                False,
            )
    return None, False


def clear_up(plan: Plan, run: Run, inputs: dict[str, Any]) -> None:
    """Remove what a finished run left beside its folder, where it was killed between the two."""
    partial = plan.out / f".partial-{run.name}"
    if partial.is_dir() and read_inputs(partial / "plan.json") in (None, inputs):
        shutil.rmtree(partial, ignore_errors=True)


def read_inputs(path: Path) -> dict[str, Any] | None:
    """The inputs of the run that a provenance.json or plan.json is of, or None where it is none of ours."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        inputs = found["settings"]["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return inputs if isinstance(inputs, dict) else None


def _tell(there: dict[str, Any], asked: dict[str, Any]) -> str:
    keys = [key for key in {**there, **asked} if there.get(key) != asked.get(key)]
    return "; ".join(
        f"another {key.replace('_', ' ')}"
        if key in ("base", "data") or key.endswith("_source")
        else f"{key} {there.get(key)} there, {asked.get(key)} asked for"
        for key in keys
    )


def write_provenance(
    checkpoint: Path, run: Run, base: Base, data: Any, inputs: dict[str, Any], fit: Fit | None = None
) -> None:
    """Write ``provenance.json`` beside a trained model; its ``training.json`` goes into it.

    Args:
        fit: what ``--max-memory`` chose for the run.
    """
    from lorafair.provenance import collect_provenance

    facts: dict[str, Any] = {}
    told = checkpoint / "training.json"
    if told.exists():
        facts = json.loads(told.read_text(encoding="utf-8"))
        told.unlink()
    settings = {"base": {"name": base.name, "hash": base.hash}, **run.settings, **facts, "inputs": inputs}
    if base.quantize is not None:
        settings["quantization"] = describe_quantization(base.quantize, base.dtype)
    if fit is not None:
        settings["memory"] = fit.describe()
    if "planted" in data.provenance:
        settings["planted"] = data.provenance["planted"]
    record = collect_provenance(
        "checkpoint", seeds={"training": run.seed}, data={data.name: data.provenance}, settings=settings
    )
    (checkpoint / "provenance.json").write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def put_in_place(checkpoint: Path, final: Path) -> None:
    """Rename a whole checkpoint to its place; what was there goes only after that."""
    for file in filter(Path.is_file, checkpoint.rglob("*")):
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())
    old = final.with_name(f".old-{final.name}")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    checkpoint.rename(final)
    shutil.rmtree(old, ignore_errors=True)
