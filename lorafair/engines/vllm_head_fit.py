"""Which classifiers vLLM's pooling runner cannot serve rightly, read from a checkpoint's config and weights alone."""

from __future__ import annotations

from dataclasses import replace

from lorafair.checkpoint import Checkpoint
from lorafair.engines.head_model import list_own
from lorafair.engines.vllm_fit import HEADS, find_misfit
from lorafair.safetensor import read_headers

SCORE = "score.weight"
"""The head's only weight where vLLM puts one on a decoder, as transformers does: one matrix, (labels, hidden)."""


def find_head_misfit(base: Checkpoint, checkpoint: Checkpoint) -> str | None:
    """Why vLLM cannot serve the classifier ``checkpoint`` on ``base`` rightly (one clause), or None where it can."""
    if checkpoint.head is None:
        return "it has no classification head"
    if checkpoint.head.kind == "image":
        return "vLLM puts heads on decoders of text, this classifies images"
    if checkpoint.kind == "full":
        return "vLLM keeps the base's weights under every head here, and this is a full model"
    if checkpoint.kind == "base":
        own = read_headers(checkpoint.path)
        return None if SCORE in own else f"vLLM puts heads on decoders, and its head is not the one matrix {SCORE}"
    own_names = list_own(checkpoint)
    if SCORE not in own_names:
        named = ", ".join(sorted(own_names)[:2]) or "none of its own"
        return f"vLLM has LoRA beside a decoder's head {SCORE} only, and this head is {named}"
    if others := sorted(own_names - {SCORE}):
        return f"vLLM serves no fully trained modules but the head ({', '.join(others[:3])})"
    if odd := sorted((HEADS | {"score"}).intersection(checkpoint.targets)):
        return f"vLLM serves no LoRA on {', '.join(odd)} beside a head"
    return find_misfit(base, replace(checkpoint, config={**checkpoint.config, "modules_to_save": None}))
