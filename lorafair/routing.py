"""Which engine answers for which checkpoint, and why."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lorafair.checkpoint import Checkpoint
from lorafair.classifying import route_classifiers
from lorafair.errors import LorafairError, raise_faults
from lorafair.plugin_source import identify_plugin
from lorafair.registry import Entry, load_registry, load_target
from lorafair.registry_layer import describe_origin

if TYPE_CHECKING:
    from lorafair.engines.contract import EngineSettings


NEED_VLLM = {"vllm": "hf", "vllm_head": "head"}
"""Engines that need the package vllm, and those that do the same without it."""


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
            transformers otherwise.  The base is answered by the first engine.  Classifiers:
            :func:`lorafair.classifying.route_classifiers`.

    Raises:
        LorafairError: an unknown engine; under a named engine, every checkpoint that it refuses, with its reason.
    """
    if (classifiers := route_classifiers(base, checkpoints, wanted)) is not None:
        return classifiers
    registry = load_registry()
    if wanted != "auto":
        engine: Any = load_engine(wanted)
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
        LorafairError: if it is unknown, not installed, or no sub-class of :class:`lorafair.engines.contract.Engine`
            that says how it answers.
    """
    if name in NEED_VLLM and not is_vllm_here():
        raise LorafairError(
            f"The engine {name} needs the package vllm: pip install 'lorafair[vllm]', or use "
            f"--engine {NEED_VLLM[name]}."
        )
    entry = load_registry().get("engine", name)
    found = load_target(entry)
    from lorafair.engines.contract import Engine

    what = f"The engine {name!r} ({entry.target}, from {describe_origin(entry)})"
    if not (isinstance(found, type) and issubclass(found, Engine)):
        raise LorafairError(f"{what} is no sub-class of lorafair.engines.contract.Engine: mend it.")
    if missing := sorted(found.__abstractmethods__):
        raise LorafairError(f"{what} does not say how to {' and '.join(missing)}. Define it in its class.")
    return found


def identify_engine(name: str, settings: EngineSettings) -> dict[str, Any]:
    """What an answer's key says of the engine called ``name``; where its class is silent, its distribution speaks.

    A third party's engine is also told by :func:`identify_plugin`, whatever its class says (it may inherit what a
    built-in says): an answer of other code is thereby another answer, and is asked again.

    Raises:
        LorafairError: as :func:`load_engine`.
    """
    entry = load_registry().get("engine", name)
    facts: dict[str, Any] = load_engine(name).identify(settings)
    facts |= {"engine": facts.get("engine") or name, "version": facts.get("version") or _tell_version(entry)}
    return facts if entry.origin == "lorafair" else facts | {"plugin": identify_plugin(entry)}


def _tell_version(entry: Entry) -> str:
    return f"{entry.origin} {entry.version}".strip()
