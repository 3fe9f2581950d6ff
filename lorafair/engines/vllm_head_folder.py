"""What vLLM reads of classifiers: the base as a model with a head, and each adapter with its head, in one form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.head_model import LORA_PARTS, PREFIX, read_tensors
from lorafair.engines.vllm_head_fit import SCORE
from lorafair.errors import LorafairError
from lorafair.head import describe_labels
from lorafair.safetensor import read_headers

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
EMPTY = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 1, "lora_alpha": 1}
"""The config of an adapter that changes nothing but the head."""


def write_base(base: Checkpoint, adapters: Sequence[Checkpoint], folder: Path, trust_remote_code: bool) -> None:
    """Write a folder that vLLM reads as the base with a head: links to its weights, a config, and a score matrix.

    A base's own head stays.  Any other gets a matrix of zeros with as many labels as the largest adapter's: vLLM
    wants one, and every adapter brings its own in its place.

    Args:
        folder: is there and empty; it may be removed once vLLM has read it.

    Raises:
        LorafairError: if the base has neither a head nor adapters with one.
    """
    import torch
    from safetensors.torch import save_file

    single = (base.path / WEIGHTS).exists()
    index = {} if single else _read_index(base.path)
    names = [WEIGHTS] if single else sorted({str(Path(name).name) for name in index["weight_map"].values()})
    for name in [*names, *(path.name for path in (base.path.glob("*.py") if trust_remote_code else ()))]:
        (folder / name).symlink_to((base.path / name).resolve())
    config = dict(base.config)
    if SCORE not in read_headers(base.path):
        shapes = [read_headers(c.path).get(f"{PREFIX}{SCORE}") for c in adapters]
        found = [shape for shape in shapes if shape is not None]
        if not found:
            raise LorafairError(f"{base.name} has no head, and no checkpoint here has one: leave --engine out.")
        labels = tuple(f"LABEL_{number}" for number in range(max(shape[0] for shape in found)))
        config |= {**describe_labels(labels), "id2label": {str(n): label for n, label in enumerate(labels)}}
        save_file({SCORE: torch.zeros(len(labels), found[0][1])}, folder / "score.safetensors", {"format": "pt"})
        if index:
            index["weight_map"][SCORE] = "score.safetensors"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if index:
        (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def write_adapter(base: Checkpoint, checkpoint: Checkpoint, folder: Path, bare: bool) -> None:
    """Write an adapter as vLLM takes it: LoRA matrices and the head's score matrix, and a config that says so.

    Where nothing but the head is wanted one LoRA of zeros is added: vLLM 0.32 counts on at least one, and it adds
    exactly nothing.

    Args:
        folder: is there and empty; it may be removed once vLLM has read it.
        bare: the head alone, on the base's own body.
    """
    from safetensors.torch import save_file

    tensors = read_tensors(checkpoint)
    lora = {} if bare else {name: each for name, each in tensors.items() if any(part in name for part in LORA_PARTS)}
    config = {**checkpoint.config, "modules_to_save": ["score"]}
    if not lora:
        module, lora = _make_idle(base)
        config = {**EMPTY, "target_modules": [module], "modules_to_save": ["score"]}
    named = {f"{PREFIX}{name}": tensor.contiguous() for name, tensor in {**lora, SCORE: tensors[SCORE]}.items()}
    save_file(named, folder / "adapter_model.safetensors", {"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


def _make_idle(base: Checkpoint) -> tuple[str, dict[str, Any]]:
    """The last name of one of the base's attention layers, and a LoRA of zeros on it."""
    import torch

    linear = {n: shape for n, shape in sorted(read_headers(base.path).items()) if "attn" in n and len(shape) == 2}
    if not linear:
        raise LorafairError(f"{base.name} has no attention layer that vLLM can put LoRA on: use --engine head.")
    name, (wide, deep) = next(iter(linear.items()))
    module = f"model.{name.removeprefix('model.').removesuffix('.weight')}"
    zeros = {f"{module}.lora_A.weight": torch.zeros(1, deep), f"{module}.lora_B.weight": torch.zeros(wide, 1)}
    return module.rpartition(".")[2], zeros


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        index["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LorafairError(f"{folder} has no {WEIGHTS} and no usable {INDEX} ({error!r}). Copy it again.") from error
    return index
