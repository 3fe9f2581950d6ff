"""What lies in a sweep's folder already: the same run, another one, or one that was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
