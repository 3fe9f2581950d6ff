"""The reference of the verification: transformers + PEFT in float32, asked before the engine starts, and stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.responses.asking import ask_missing
from lorafair.responses.request import Request
from lorafair.responses.store import ResponseStore
from lorafair.serving.prompt import plan_verification, read_answers
from lorafair.serving.session import LocalSession
from lorafair.serving.supervision import Supervisor

ROOM = 1.5
"""Memory that the reference takes, in sizes of the float32 weights."""


def ask_reference(
    base: Checkpoint,
    checkpoints: Sequence[Checkpoint],
    dtype: str,
    settings: EngineSettings,
    store: ResponseStore,
    say: Callable[[str], None],
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """The reference's log-probabilities of the verification prompts.

    Args:
        checkpoints: whom to ask, the base included.
        dtype: the type that the reference computes in.
        settings: the served engine's.
        store: answers are kept under the content of base and checkpoint, so each is computed once.

    Returns:
        (label to 16 log-probabilities in nats, label to why it could not be asked).
    """
    own = replace(settings, dtype=dtype, device=choose_device(base), extra={}, batch_size=None)
    planned = {c.label: _plan(base, c, own) for c in checkpoints}
    answers: dict[str, dict[str, Any]] = {c.label: store.read(c.hash) for c in checkpoints}
    others = [c for c in checkpoints if c.kind != "base"]
    reference = Supervisor(partial(LocalSession, HfEngine, base, others, own), say)
    try:
        requests = [r for c in checkpoints for r in planned[c.label]]
        ask_missing(reference, requests, store, {c.label: c.hash for c in checkpoints}, answers, show=False)
    finally:
        reference.close()
    asked = [c.label for c in checkpoints if c.label not in reference.failed]
    return {label: read_answers(planned[label], answers[label]) for label in asked}, reference.failed


def is_stored(
    base: Checkpoint, checkpoint: Checkpoint, dtype: str, settings: EngineSettings, store: ResponseStore
) -> bool:
    """Whether the reference's answers for ``checkpoint`` are stored already."""
    answers = store.read(checkpoint.hash)
    return all(r.key in answers for r in _plan(base, checkpoint, replace(settings, dtype=dtype, extra={})))


def _plan(base: Checkpoint, checkpoint: Checkpoint, settings: EngineSettings) -> list[Request]:
    identity = HfEngine.identify(settings) | {"base": base.hash, "checkpoint": checkpoint.hash}
    return plan_verification(checkpoint.label, identity, settings.seed)[0]


def lacks_room(base: Checkpoint, beside: bool = False) -> str | None:
    """Why the reference cannot run here (its float32 weights do not fit, or not ``beside`` the engine), or None."""
    import psutil

    need, free = (3 if beside else 1) * ROOM * float32_size(base), psutil.virtual_memory().available
    if choose_device(base) == "cpu" and need > free:
        return f"transformers in float32 needs {need / 2**30:.0f} GiB and {free / 2**30:.0f} GiB are free"
    return None


def choose_device(base: Checkpoint) -> str:
    """A GPU where the reference fits beside nothing else (it ends before the engine starts), else the CPU."""
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return "cuda" if torch.cuda.mem_get_info()[0] > ROOM * float32_size(base) else "cpu"


def float32_size(base: Checkpoint) -> int:
    """Bytes of the base's weights in float32."""
    from lorafair.safetensor import read_headers

    return 4 * sum(prod(shape) for shape in read_headers(base.path).values())
