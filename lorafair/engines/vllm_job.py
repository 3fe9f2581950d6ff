"""One prompt in the vLLM engine, and what is read from its output; the engine's environment."""

from __future__ import annotations

import os
from typing import Any

from lorafair.errors import LorafairError
from lorafair.responses.request import Request

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


class Job:
    """One prompt in the engine: a request has one, or one per window or candidate."""

    __slots__ = ("ids", "params", "read", "request")

    def __init__(self, request: Request, ids: list[int], params: Any, read: Any) -> None:
        self.request, self.ids, self.params, self.read = request, ids, params, read


def lora_rank(rank: int) -> int:
    """The smallest ``max_lora_rank`` that vLLM accepts and that holds ``rank``."""
    return next(allowed for allowed in RANKS if allowed >= rank)


def read_logprobs(output: Any, ids: list[int], start: int) -> list[Any]:
    """``[nats, is_greedy]`` of the tokens from ``start`` on, from vLLM's prompt_logprobs."""
    nats, greedy = 0.0, True
    for token, found in zip(ids[start:], output.prompt_logprobs[start:], strict=True):
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
