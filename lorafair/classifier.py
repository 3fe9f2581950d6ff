"""Which checkpoints are classifiers, and what a classifier's outputs are called."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError
from lorafair.head import ENDINGS, FILE, PROBLEM, Head, read_head
from lorafair.safetensor import read_headers

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint

TOP = re.compile(r"base_model\.model\.(?:classifier|score)\b.*weight$")
"""The head's weights in an adapter's file, in every architecture that PEFT knows a head of."""
HEAD_PARTS = re.compile(r"(?:^|\.)(?:classifier|score|pre_classifier|pooler)(?:\.|$)")
OTHER_PROBLEMS = "a regression, or labels that do not exclude each other"


def find_full_head(path: Path, label: str, config: Mapping[str, Any]) -> Head | None:
    """The head of a full model; None for a model of another kind.

    Args:
        path: its folder; ``config`` is its ``config.json``.
        label: what messages call it.

    Raises:
        LorafairError: for a head whose outputs are no probabilities of labels, or whose labels cannot be read.
    """
    architectures = config.get("architectures") or []
    if not any(str(name).endswith(tuple(ENDINGS.values())) for name in architectures):
        return None
    _refuse_problem(label, path, config.get("problem_type"))
    try:
        head = read_head(path)
    except (ValueError, TypeError, AttributeError) as error:
        raise LorafairError(f"{label}: {path}: its id2label cannot be read ({error}). Copy it again.") from error
    if head is not None and len(head.labels) < 2:
        raise LorafairError(f"{label}: {path}: its head has one output: {OTHER_PROBLEMS}. Two or more are needed.")
    return head


def find_adapter_head(
    path: Path,
    label: str,
    config: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    base_config: Mapping[str, Any],
) -> Head | None:
    """The head that an adapter brings along; None for an adapter of another kind.

    An adapter's own config holds no labels: without ``head.json`` they are called ``LABEL_0``, ``LABEL_1``, …, as
    transformers calls labels without names.

    Args:
        config: the adapter's ``adapter_config.json``; ``shapes``: tensor name to shape, of its weights.
        base_config: the base's ``config.json``.

    Raises:
        LorafairError: for a ``head.json`` that cannot be read, or an adapter for classification without a head.
    """
    sizes = [shape[0] for name, shape in shapes.items() if TOP.match(name) and len(shape) == 2 and ".lora_" not in name]
    if (path / FILE).exists():
        _refuse_problem(label, path, _read_problem(path))
        head = read_head(path)
        if head is not None and sizes and min(sizes) != len(head.labels):
            raise LorafairError(
                f"{label}: {path / FILE} names {len(head.labels)} labels and the head has {min(sizes)} outputs. Copy "
                "or train it again."
            )
        return head
    image = "image_size" in base_config and "vocab_size" not in base_config
    if config.get("task_type") != "SEQ_CLS" and not (image and sizes):
        return None
    if not sizes:
        raise LorafairError(
            f"{label}: {path} was trained for SEQ_CLS and holds no head: PEFT would draw one at random. Train it with "
            "modules_to_save naming the head."
        )
    if min(sizes) < 2:
        raise LorafairError(f"{label}: {path}: its head has one output: {OTHER_PROBLEMS}. Two or more are needed.")
    return Head(tuple(f"LABEL_{number}" for number in range(min(sizes))), "image" if image else "text")


def trains_body(checkpoint: Checkpoint) -> bool:
    """Whether anything of the base's own body was trained; False where only a head was put on it."""
    if checkpoint.kind != "adapter":
        return True
    return not all(HEAD_PARTS.search(name) for name in read_headers(checkpoint.path))


def _refuse_problem(label: str, path: Path, problem: Any) -> None:
    if problem not in (None, PROBLEM):
        raise LorafairError(
            f"{label}: {path} was trained for {problem}: only single-label classification gives each label a "
            "probability. Train it with one label per text."
        )


def _read_problem(path: Path) -> Any:
    try:
        told = json.loads((path / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # read_head says what is wrong
    return told.get("problem") if isinstance(told, dict) else None
