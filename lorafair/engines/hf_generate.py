"""Batched generation with transformers in which every row has its own random stream."""

from __future__ import annotations

from typing import Any

from lorafair.engines.hf_adapter import extra_arguments, is_prompt
from lorafair.errors import LorafairError

KNOWN = {"do_sample", "temperature", "top_p", "top_k", "min_p", "repetition_penalty"}


def generate_batch(
    model: Any,
    tokenizer: Any,
    prompts: list[list[int]],
    seeds: list[int],
    settings: dict[str, Any],
    until: list[str],
    tokens: int,
    end_ids: list[int],
) -> list[str]:
    """Continue every prompt by at most ``tokens`` tokens; stop sequences end a row (they are cut off by the caller).

    Args:
        model: a causal model on its device; prompts are token ids, left-padded here.
        seeds: one per prompt: sampling is greedy over logits plus Gumbel noise of the row's own generator, which draws
            from the same distribution as multinomial sampling and depends on no other row.
        settings: normalised sampling settings (``do_sample``, ``temperature``, ``top_p``, ``top_k``, ``min_p``,
            ``repetition_penalty``).

    Returns:
        One text per prompt, special tokens kept.

    Raises:
        LorafairError: for a setting that this engine does not know.
    """
    import torch
    from lm_eval.models.utils_hf import stop_sequences_criteria
    from transformers import GenerationConfig, LogitsProcessorList

    unknown = sorted(set(settings) - KNOWN)
    if unknown:
        raise LorafairError(
            f"The hf engine does not know the generation setting {', '.join(unknown)}. "
            f"Known: {', '.join(sorted(KNOWN))}."
        )
    if is_prompt(model) and len({len(prompt) for prompt in prompts}) > 1:
        return _generate_by_length(model, tokenizer, prompts, seeds, settings, until, tokens, end_ids)
    width = max(len(prompt) for prompt in prompts)
    pad = tokenizer.pad_token_id
    device = next(model.parameters()).device
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    processors = LogitsProcessorList(_warpers(settings))
    if settings.get("do_sample"):
        processors.append(_Gumbel(seeds))
    config = GenerationConfig(
        max_new_tokens=tokens,
        do_sample=False,
        pad_token_id=pad,
        eos_token_id=end_ids,
        bos_token_id=tokenizer.bos_token_id,
    )
    with torch.inference_mode():
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=config,
            logits_processor=processors,
            stopping_criteria=stop_sequences_criteria(tokenizer, [u for u in until if u], width, len(prompts)),
            **extra_arguments(model, len(prompts)),
        )
    return [tokenizer.decode(row[width:], skip_special_tokens=False) for row in output]


def _generate_by_length(
    model: Any, tokenizer: Any, prompts: list[list[int]], seeds: list[int], *settings: Any
) -> list[str]:
    """As :func:`generate_batch`, prompts of one length together: PEFT puts its virtual tokens before the padding.

    Padded, a shorter prompt would stand further from them than in training, and be answered otherwise.
    """
    texts = [""] * len(prompts)
    for length in {len(prompt) for prompt in prompts}:
        places = [i for i, prompt in enumerate(prompts) if len(prompt) == length]
        part = [prompts[i] for i in places], [seeds[i] for i in places]
        for i, text in zip(places, generate_batch(model, tokenizer, *part, *settings), strict=True):
            texts[i] = text
    return texts


def _warpers(settings: dict[str, Any]) -> list[Any]:
    from transformers.generation import logits_process as lp

    found: list[Any] = []
    if settings.get("repetition_penalty", 1.0) != 1.0:
        found.append(lp.RepetitionPenaltyLogitsProcessor(float(settings["repetition_penalty"])))
    if not settings.get("do_sample"):
        return found
    if settings.get("temperature", 1.0) != 1.0:
        found.append(lp.TemperatureLogitsWarper(float(settings["temperature"])))
    if settings.get("top_k", 0) and int(settings["top_k"]) > 0:
        found.append(lp.TopKLogitsWarper(int(settings["top_k"])))
    if settings.get("top_p", 1.0) < 1.0:
        found.append(lp.TopPLogitsWarper(float(settings["top_p"])))
    if settings.get("min_p", 0.0):
        found.append(lp.MinPLogitsWarper(float(settings["min_p"])))
    return found


class _Gumbel:
    """Adds Gumbel noise to each row's logits from that row's own generator (Gumbel-max sampling)."""

    def __init__(self, seeds: list[int]) -> None:
        import torch

        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        uniform = torch.stack([torch.rand(scores.shape[1], generator=g, dtype=torch.float64) for g in self._generators])
        noise = -torch.log(-torch.log(uniform.clamp_min(1e-300)))
        return (scores.double() + noise.to(scores.device)).to(torch.float64)
