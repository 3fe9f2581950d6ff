"""An evaluation of classifiers: which engine answers, whether the base can, and which options mean nothing to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lorafair.checkpoint import Checkpoint
from lorafair.errors import LorafairError, raise_faults
from lorafair.label_match import simplify

if TYPE_CHECKING:
    from lorafair.evaluation import EvaluationPlan

ENGINE = "head"


def route_classifiers(
    base: Checkpoint, checkpoints: Sequence[Checkpoint], wanted: str
) -> tuple[dict[str, list[Checkpoint]], list[str]] | None:
    """Engine name to the classifiers that it answers for, and lines for the user; None where there are no classifiers.

    The base is asked too where it brings a head of its own for the same labels.  Any other base has no head: one that
    was drawn at random would answer at random, and its number would say nothing.

    Args:
        wanted: an engine of the registry, or ``auto``.

    Raises:
        LorafairError: for classifiers beside generators, classifiers under a generators' engine, and the reverse; under
            a named engine, every checkpoint that it refuses, with its reason.
    """
    from lorafair.routing import load_engine

    heads = [c for c in checkpoints if c.head is not None]
    others = [c.label for c in checkpoints if c.head is None]
    classifies = wanted != "auto" and load_engine(wanted).classifies
    if heads and others:
        raise LorafairError(
            f"These cannot be asked the same: {_join(heads)} classify, {', '.join(others)} generate text. Evaluate "
            "them in two runs, each with its own --out."
        )
    if heads and wanted != "auto" and not classifies:
        raise LorafairError(
            f"The engine {wanted} generates text, {_join(heads)} classify: leave --engine out, or give "
            f"--engine {ENGINE}."
        )
    if not heads and (checkpoints or base.head is None):
        if classifies:
            raise LorafairError(
                f"The engine {wanted} answers with classification heads, and there is none in "
                f"{', '.join(others) or base.name}: leave --engine out."
            )
        return None
    if not heads and wanted != "auto" and not classifies:
        return None  # a classifier's folder as the base of a generator: that engine says what it makes of it
    engine = wanted if classifies else ENGINE
    if classifies:
        _refuse_misfits(base, [*([base] if answers_itself(base, heads) else []), *heads], wanted)
    lines = [f"{', '.join(c.label for c in heads) or base.label}: answered by the {engine} engine, as classifiers."]
    if answers_itself(base, heads):
        return {engine: [base, *heads]}, lines
    full = [c.label for c in heads if c.kind == "full"]
    reference = f"full fine-tuning ({full[0]})" if full else "nothing, for want of a full fine-tuning"
    lines.append(
        f"The base has no head{' for these labels' if base.head else ''} and is not asked. Differences are from "
        f"{reference}; `lorafair leaderboard --against LABEL` names another reference."
    )
    return {engine: heads}, lines


def _refuse_misfits(base: Checkpoint, asked: Sequence[Checkpoint], wanted: str) -> None:
    from lorafair.routing import load_engine

    engine = load_engine(wanted)
    reasons = {c.label: engine.refuse(base, c) for c in asked}
    raise_faults(
        f"The engine {wanted} cannot serve these checkpoints",
        [f"{label}: {reason}. Use --engine {ENGINE}." for label, reason in reasons.items() if reason is not None],
    )


def answers_itself(base: Checkpoint, heads: Sequence[Checkpoint]) -> bool:
    """Whether a base has a head of its own, for the labels that its checkpoints have."""
    if base.head is None:
        return False
    own = {simplify(label) for label in base.head.labels}
    return all(c.head is not None and {simplify(label) for label in c.head.labels} == own for c in heads)


def check_classifiers(plan: EvaluationPlan, served: Sequence[Checkpoint]) -> None:
    """Refuse options that mean nothing to the checkpoints that are served.

    Raises:
        LorafairError: for ``--label-map`` without classifiers, and for whatever only a generator understands.
    """
    heads = [c for c in served if c.head is not None]
    if not heads or not is_classifying(served):
        if plan.label_map:
            raise LorafairError("--label-map is about classifiers, and these checkpoints generate text. Leave it out.")
        return
    given = {
        "--num-fewshot": plan.num_fewshot,
        "--apply-chat-template": plan.apply_chat_template,
        "--gen-kwargs": plan.gen_kwargs,
    }
    if named := [option for option, value in given.items() if value]:
        raise LorafairError(
            f"{', '.join(named)}: {_join(heads)} classify, and are asked about the documents themselves, without a "
            "prompt. Leave that out."
        )
    if plan.until_decided and all(c.kind != "base" for c in served):
        raise LorafairError("--until-decided asks about changes from the base, which has no head. Leave it out.")


def is_classifying(served: Sequence[Checkpoint]) -> bool:
    """Whether the checkpoints of an evaluation are asked as classifiers."""
    return bool(served) and all(c.head is not None for c in served)


def _join(checkpoints: Sequence[Checkpoint]) -> str:
    return ", ".join(c.label for c in checkpoints)
