"""The engine proves itself before an audit: what it serves is what it was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import EngineSettings
from lorafair.responses.asking import ask_missing
from lorafair.responses.store import ResponseStore
from lorafair.serving.judgement import (
    REFERENCE,
    TOLERANCE,
    Fault,
    Finding,
    judge_effect,
    judge_parity,
    root_mean_square,
)
from lorafair.serving.prompt import REPEATS, plan_verification, read_answers
from lorafair.serving.reference import ask_reference, choose_device, is_stored, lacks_room
from lorafair.serving.supervision import Supervisor

RETURN_TOLERANCE = 1e-4
"""Nats (root mean square per prompt) within which the engine must come back to the base in float32."""


@dataclass
class Verification:
    """Findings by label (the base's among them), and the checkpoints that could not be asked, with the reason."""

    findings: dict[str, Finding] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def verify(
    engine: str,
    base: Checkpoint,
    checkpoints: Sequence[Checkpoint],
    settings: EngineSettings,
    identities: dict[str, Any],
    supervisor: Supervisor,
    store: ResponseStore,
    say: Callable[[str], None],
    early: bool = True,
) -> Verification:
    """Ask the engine and the reference the verification prompts, where they are not stored yet, and judge.

    Args:
        engine: name of the served engine.
        checkpoints: those that the engine serves, without the base.
        identities: label to what its requests' keys hold (the base's among them).
        early: the engine may start on the base while the reference computes, where both fit into memory.

    Returns:
        What was found; nothing is raised for a checkpoint that fails.
    """
    everyone = [base, *checkpoints]
    content = {c.label: c.hash for c in everyone}
    done = Verification()
    exact: dict[str, list[float]] = {}
    rounded: dict[str, list[float]] = {}
    ask = partial(ask_reference, base, settings=settings, store=store, say=say)
    if engine != REFERENCE:
        ready = all(is_stored(base, c, "float32", settings, store) for c in everyone)
        if ready or (short := lacks_room(base)) is None:
            if (
                early
                and not ready
                and supervisor.is_open
                and choose_device(base) == "cpu"
                and lacks_room(base, beside=True) is None
            ):
                supervisor.start()
            exact, done.failed = ask(everyone, "float32")
            if base.label in done.failed:
                say(f"Parity is not checked: the reference failed ({done.failed[base.label]}).")
                exact, done.failed = {}, {}
            else:
                rounded, _ = ask([base], settings.dtype)
        else:
            say(f"Parity is not checked: {short}.")
    asked = [c for c in everyone if c.label not in done.failed]
    repeats = {c.label: REPEATS if c.kind == "base" else 1 for c in asked}
    planned = {c.label: plan_verification(c.label, identities[c.label], settings.seed, repeats[c.label]) for c in asked}
    answers: dict[str, dict[str, Any]] = {c.label: store.read(c.hash) for c in asked}
    # A repeat is the same batch again: another batch would show what batching costs, not whether answers repeat.
    # The third follows all the others, so that it also shows whether the engine comes back to the base.
    second = planned[base.label][1] + [r for c in asked if c.kind != "base" for r in planned[c.label][0]]
    for requests in (planned[base.label][0], second, planned[base.label][2]):
        ask_missing(supervisor, requests, store, content, answers, show=False)
    done.failed |= supervisor.failed
    if base.label in done.failed:
        return done
    base_answers = [read_answers(repeat, answers[base.label]) for repeat in planned[base.label]]
    for checkpoint in asked:
        if checkpoint.label in done.failed:
            continue
        own = read_answers(planned[checkpoint.label][0], answers[checkpoint.label])
        judge = partial(_judge, engine, checkpoint, settings.dtype, own, base_answers, exact)
        finding = judge(rounded.get("base"), exact.get("base"))
        again = finding.fault == "parity" and settings.dtype != "float32" and checkpoint.kind != "base"
        if again and (is_stored(base, checkpoint, settings.dtype, settings, store) or lacks_room(base) is None):
            # Rounding costs this checkpoint more than the base, perhaps: its own cost decides.
            (rounding, _), label = ask([checkpoint], settings.dtype), checkpoint.label
            finding = judge(rounding[label], exact[label]) if label in rounding else finding
        done.findings[checkpoint.label] = finding
    return done


def _judge(
    engine: str,
    checkpoint: Checkpoint,
    dtype: str,
    answers: list[float],
    base: list[list[float]],
    exact: dict[str, list[float]],
    rounded: list[float] | None,
    unrounded: list[float] | None,
) -> Finding:
    facts: dict[str, Any] = {"label": checkpoint.label, "engine": engine, "dtype": dtype}
    fault: Fault | None = None
    is_base = checkpoint.kind == "base"
    if not is_base:
        holds, facts["effect"], facts["noise"] = judge_effect(answers, base[0], base[1])
        fault = None if holds else "effect"
    if exact and (dtype == "float32" or rounded is not None):
        cost = None
        if dtype != "float32" and rounded is not None and unrounded is not None:
            cost = root_mean_square(rounded, unrounded)
        holds, facts["deviation"], facts["tolerance"], facts["missing"] = judge_parity(
            answers, exact[checkpoint.label], cost, None if is_base else exact["base"]
        )
        fault = fault if holds else "parity"
    if is_base and fault is None:
        noise = max(10 * root_mean_square(base[1], base[0]), RETURN_TOLERANCE)
        allowed = noise if dtype == "float32" else facts.get("tolerance") or max(noise, TOLERANCE)
        if root_mean_square(base[2], base[0]) > allowed:
            fault = "return"
    return Finding(**facts, fault=fault)


def explain(finding: Finding, checkpoint: Checkpoint) -> str:
    """Why a checkpoint failed its verification, with the likely cause, as one clause."""
    if finding.fault == "effect":
        cause = (
            "every lora_B weight is zero, as before training"
            if _is_untrained(checkpoint)
            else "it was hardly trained, or its files hold something else; --dtype float32 has less noise"
        )
        like = "its head on the base" if checkpoint.head is not None else "the base"
        return (
            f"it answers like {like} (log-probabilities change by {finding.effect:.2g} nats, the engine's own noise "
            f"is {finding.noise:.2g}): {cause}"
        )
    if finding.fault == "return":
        return "the engine does not answer as before after other weights were loaded"
    part = f", {finding.missing:.0%} of its effect is missing" if finding.missing is not None else ""
    return (
        f"{finding.engine} answers otherwise than transformers + PEFT (by {finding.deviation:.2g} nats in "
        f"{finding.dtype}, tolerance {finding.tolerance:.2g}{part}): it drops or changes a part of it"
    )


def _is_untrained(checkpoint: Checkpoint) -> bool:
    """Whether all second LoRA factors are zero."""
    from safetensors import safe_open

    zero: list[bool] = []
    for path in checkpoint.path.glob("adapter_model*.safetensors"):
        with safe_open(path, framework="pt") as file:
            zero += [not file.get_tensor(k).any() for k in file.keys() if ".lora_B." in k]  # noqa: SIM118
    return bool(zero) and all(zero)
