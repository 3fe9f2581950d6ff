"""Which engine answers for which checkpoint, and why."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.errors import LorafairError, raise_faults
from lorafair.registry import load_registry, load_target


@dataclass(frozen=True, eq=False)
class Group:
    """Checkpoints that one engine serves; ``moved`` where they came from another engine after their verification."""

    engine: str
    checkpoints: tuple[Checkpoint, ...]
    moved: bool = False


def route_checkpoints(
    base: Checkpoint, checkpoints: Sequence[Checkpoint], wanted: str
) -> tuple[dict[str, list[Checkpoint]], list[str]]:
    """Engine name to the checkpoints that it answers for, and one line per checkpoint that was moved.

    Args:
        wanted: an engine of the registry, or ``auto``: vLLM where it is installed and serves the checkpoint rightly,
            transformers otherwise.  The base is answered by the first engine.

    Raises:
        LorafairError: an unknown engine; under a named engine, every checkpoint that it refuses, with its reason.
    """
    registry = load_registry()
    if wanted != "auto":
        engine: Any = load_target(registry.get("engine", wanted))
        faults = [
            f"{c.label}: {reason}. Use --engine auto or --engine hf."
            for c in checkpoints
            if (reason := engine.refuse(base, c)) is not None
        ]
        raise_faults(f"The engine {wanted} cannot serve these checkpoints", faults)
        return {wanted: [base, *checkpoints]}, []
    if not is_vllm_here():
        return {"hf": [base, *checkpoints]}, ["vLLM is not installed: the hf engine answers."]
    engine = load_target(registry.get("engine", "vllm"))
    reasons = {c.label: engine.refuse(base, c) for c in checkpoints}
    served = [c for c in checkpoints if reasons[c.label] is None]
    moved = [c for c in checkpoints if reasons[c.label] is not None]
    lines = [f"{c.label}: answered by the hf engine, because {reasons[c.label]}." for c in moved]
    if moved and not served:
        return {"hf": [base, *moved]}, lines
    plan = {"vllm": [base, *served]}
    return (plan | {"hf": moved} if moved else plan), lines


def is_vllm_here() -> bool:
    """Whether the package vllm is installed (it is not imported)."""
    return importlib.util.find_spec("vllm") is not None


def load_engine(name: str) -> Any:
    """The engine class called ``name``.

    Raises:
        LorafairError: if it is unknown, or not installed.
    """
    if name == "vllm" and not is_vllm_here():
        raise LorafairError("The engine vllm needs the package vllm: pip install 'lorafair[vllm]', or use --engine hf.")
    return load_target(load_registry().get("engine", name))
