"""``--quantize``: bases whose linear layers are held in 4 or 8 bits by bitsandbytes while adapters are trained.

As in QLoRA (Dettmers et al. 2023, arXiv 2305.14314) 4 bits are NF4 with the scales quantized again; 8 bits are LLM.int8
(Dettmers et al. 2022, arXiv 2208.07339).  The adapter is of ordinary weights.  LoRAFair evaluates it on the base as it
is on disk, in the evaluation's dtype; that this is not the base that it was trained on is said and recorded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from lorafair.errors import LorafairError, did_you_mean
from lorafair.registry import load_registry

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint

KINDS = ("4bit", "8bit")
BYTES = {"4bit": 0.52, "8bit": 1.01}
"""Bytes of a quantized weight, its scale included."""
WHOLE = {
    "full": "trains every weight, and a quantized weight has no gradient",
    "head": "trains a classification head, and only causal language models are quantized here",
    "pissa": "starts from the base's weights and changes them, which 4 or 8 bits cannot hold",
    "olora": "starts from the base's weights and changes them, which 4 or 8 bits cannot hold",
}
"""Methods that need the base's own weights, and why."""
CAUSAL = ("pairs", "texts")


class Asked(Protocol):
    """What is read of lorafair.plan.Plan."""

    @property
    def quantize(self) -> str | None: ...
    @property
    def methods(self) -> Sequence[str]: ...
    @property
    def trainer(self) -> str: ...


def find_quantize_faults(plan: Asked) -> list[str]:
    """A sentence per fault: an unknown kind, what needs the base's own weights, no bitsandbytes."""
    kind = plan.quantize
    if kind is None:
        return []
    if kind not in KINDS:
        return [f"--quantize {kind!r} is neither of {' and '.join(KINDS)}.{did_you_mean(str(kind), KINDS)}"]
    faults = [
        f"--quantize {kind}: the method {name!r} {WHOLE[name]}. Leave it out here, or train it without --quantize."
        for name in dict.fromkeys(plan.methods)
        if name in WHOLE
    ]
    registry = load_registry()
    if plan.trainer in registry.names("trainer"):
        takes = registry.get("trainer", plan.trainer).fields.get("data", CAUSAL[0])
        if takes not in CAUSAL:
            faults.append(
                f"--quantize {kind}: the trainer {plan.trainer!r} needs a classification head, and only causal "
                "language models are quantized here. Leave --quantize out."
            )
    if importlib.util.find_spec("bitsandbytes") is None:
        faults.append(f"--quantize {kind} needs bitsandbytes. Install it: pip install 'lorafair[quantize]'")
    return faults


def describe_quantization(kind: str, dtype: str) -> dict[str, Any]:
    """bitsandbytes' settings in plain values, for the provenance."""
    if kind == "8bit":
        return {"library": "bitsandbytes", "bits": 8, "type": "int8", "threshold": 6.0}
    return {"library": "bitsandbytes", "bits": 4, "type": "nf4", "double": True, "compute": dtype}


def make_config(kind: str, dtype: str) -> Any:
    """transformers' config for reading a base quantized, as :func:`describe_quantization` says."""
    import torch
    from transformers import BitsAndBytesConfig

    if kind == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=6.0)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )


def refuse_unfit(name: str, error: Exception) -> LorafairError:
    """What is raised where a base cannot be read quantized."""
    said = str(error).strip().splitlines()
    return LorafairError(
        f"Base model {name}: it cannot be read with --quantize here ({said[0] if said else type(error).__name__}). "
        "Mend what that says (pip install 'lorafair[quantize]' brings bitsandbytes), or leave --quantize out."
    )


def tell_quantized(checkpoints: Iterable[Checkpoint], dtype: str) -> list[str]:
    """A line per checkpoint that was trained on a quantized base, which it is not evaluated on."""
    return [
        f"{c.label}: trained on the base in {kind} (bitsandbytes), evaluated on the base as it is on disk, in {dtype}."
        for c in checkpoints
        if (kind := find_kind(c)) is not None
    ]


def describe_bases(checkpoint: Checkpoint, dtype: str) -> dict[str, Any]:
    """For an evaluation's provenance: ``base_dtype``, what the base was in training and is here, where they differ."""
    kind = find_kind(checkpoint)
    return {} if kind is None else {"base_dtype": {"trained": kind, "evaluated": dtype}}


def find_kind(checkpoint: Checkpoint) -> str | None:
    """How the base of a checkpoint was quantized while it was trained, by its provenance; None where it was not."""
    kind = ((checkpoint.provenance or {}).get("settings") or {}).get("quantize")
    return str(kind) if kind else None
