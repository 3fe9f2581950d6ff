"""One prompt in the vLLM engine, and what is read from its output; the engine's environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import EngineSettings
from lorafair.engines.vllm_cpu_logprob import START
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

MIXED = 8
BLOCK = 256
KEPT = 4
STEP = 512
"""Tokens in one forward pass on a CPU: more at once leave its cache, and the element-wise operations then wait."""
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


class Job:
    """One prompt in the engine: a request has one, or one per window or candidate.

    ``start``: the first position whose log-probability is read, 0 where none is.
    """

    __slots__ = ("ids", "params", "read", "request", "start")

    def __init__(self, request: Request, ids: list[int], params: Any, read: Any, start: int = 0) -> None:
        self.request, self.ids, self.params, self.read, self.start = request, ids, params, read, start


def prompt_params(start: int) -> Any:
    """Sampling parameters that ask for the prompt's log-probabilities from position ``start`` on.

    What comes before may be read from the prefix cache; the engine's ``num_cached_tokens`` then says how much was.
    """
    from vllm import SamplingParams

    return SamplingParams(
        temperature=0,
        prompt_logprobs=0,
        max_tokens=1,
        detokenize=False,
        skip_reading_prefix_cache=False,
        extra_args={START: start},
    )


def lora_rank(rank: int) -> int:
    """The smallest ``max_lora_rank`` that vLLM accepts and that holds ``rank``."""
    return next(allowed for allowed in RANKS if allowed >= rank)


def lora_arguments(adapters: Sequence[Checkpoint], cpu: bool) -> dict[str, Any]:
    """vLLM's arguments for serving these adapters: the rank and the modules read from them, slots by platform.

    On a CPU one adapter is active at a time and few are kept in memory, which then does not grow with their number.
    """
    if not adapters:
        return {}
    slots = 1 if cpu else min(len(adapters), MIXED)
    return {
        "enable_lora": True,
        "max_lora_rank": lora_rank(max(c.rank or 1 for c in adapters)),
        "max_loras": slots,
        "max_cpu_loras": max(slots, min(len(adapters), KEPT)),
        "lora_target_modules": sorted({target for c in adapters for target in c.targets}),
    }


def start_arguments(
    home: Checkpoint, base: Checkpoint, adapters: Sequence[Checkpoint], settings: EngineSettings, cpu: bool
) -> dict[str, Any]:
    """What vLLM is started with on the weights of ``home``; the user's own engine arguments win."""
    arguments = {
        "model": str(home.path),
        "tokenizer": str(base.path),
        "dtype": settings.dtype,
        "seed": settings.seed,
        "trust_remote_code": settings.trust_remote_code,
        "max_logprobs": 64,
        "enforce_eager": cpu,
        "disable_log_stats": True,
    }
    return (
        arguments | ({"max_num_batched_tokens": STEP} if cpu else {}) | lora_arguments(adapters, cpu) | settings.extra
    )


def schedule(
    asked: Sequence[tuple[Checkpoint, list[Request]]], cpu: bool
) -> list[list[tuple[Checkpoint, list[Request]]]]:
    """Which checkpoints are asked together, in their order: base and adapters mixed on a GPU, each alone on a CPU.

    On a CPU one batch of several adapters is not faster than one after another; ``LORAFAIR_SCHEDULE`` (``mixed`` or
    ``sequential``) decides otherwise.  Full models are always alone: the engine holds one set of weights.
    """
    mixed = os.environ.get("LORAFAIR_SCHEDULE", "sequential" if cpu else "mixed") == "mixed"
    together: list[list[tuple[Checkpoint, list[Request]]]] = []
    for checkpoint, requests in asked:
        last = together[-1] if together else []
        adapters = sum(c.kind == "adapter" for c, _ in last)
        if mixed and last and checkpoint.kind == "adapter" and last[0][0].kind != "full" and adapters < MIXED:
            last.append((checkpoint, requests))
        else:
            together.append([(checkpoint, requests)])
    return together


def cut_blocks(requests: Sequence[Request]) -> list[list[Request]]:
    """Requests in blocks of at most ``BLOCK``, in their order."""
    return [list(requests[start : start + BLOCK]) for start in range(0, len(requests), BLOCK)]


def read_logprobs(output: Any, count: int) -> list[Any]:
    """``[nats, is_greedy]`` of the last ``count`` tokens of the prompt, from vLLM's prompt_logprobs."""
    nats, greedy = 0.0, True
    tokens = output.prompt_token_ids[-count:]
    for token, found in zip(tokens, output.prompt_logprobs[-count:], strict=True):
        nats += found[token].logprob
        greedy = greedy and found[token].rank == 1
    return [nats, greedy]


def read_candidates(output: Any) -> list[int]:
    """Next tokens of a one-token generation by falling log-probability."""
    found = output.outputs[0].logprobs[0]
    return [token for token, _ in sorted(found.items(), key=lambda item: -item[1].logprob)]


def set_environment(device: str | None) -> None:
    """Defaults of vLLM's environment: quiet, and on a machine without a GPU in-process with both cores for torch."""
    import torch

    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if device == "cpu" or not torch.cuda.is_available():
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")


def is_cpu(device: str | None) -> bool:
    """Whether the vLLM that is installed here runs on the CPU; sets its environment first."""
    set_environment(device)
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def check_device(device: str | None) -> None:
    """vLLM chooses its device by its build: another one asked for is refused instead of being ignored.

    Raises:
        LorafairError: if ``device`` is not the platform that vLLM runs on here.
    """
    if device is None:
        return
    from vllm.platforms import current_platform

    if device != current_platform.device_type:
        raise LorafairError(
            f"--device {device}: vLLM runs on {current_platform.device_type} here. Leave --device out (choose a GPU "
            "with CUDA_VISIBLE_DEVICES), or use --engine hf."
        )
