"""Methods: what is trained. Each maps the settings of one run to a PEFT config, or to None for every weight."""

from __future__ import annotations

from typing import Any


def full(**settings: Any) -> None:
    """Full fine-tuning: no PEFT config, every weight is trained."""
    return None


def lora(rank: int, alpha: float, target_modules: str | list[str], **settings: Any) -> Any:
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): W + (alpha / rank) B A, with B = 0 at the start.

    Args:
        rank: rows of A, at least 1.
        alpha: numerator of the scaling.
        target_modules: ``"all-linear"`` (every linear layer but the head, as PEFT resolves it) or module names.
        settings: the run's other settings; ``seed`` and such do not matter here.

    Returns:
        peft.LoraConfig for a causal language model, no dropout, no biases.
    """
    from peft import LoraConfig

    return LoraConfig(
        r=rank, lora_alpha=alpha, target_modules=target_modules, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM"
    )
