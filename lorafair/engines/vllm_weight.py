"""Full fine-tunes in a running vLLM engine: its weights are read anew, with what vLLM forgets when it does so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import CheckpointRefused

RELOADS_RIGHTLY = ("0.32.0",)
"""Versions of vLLM whose reloading on CPU was held to a fresh engine; elsewhere only a verified audit relies on it."""


class Weights:
    """Knows which full weights the engine holds, and changes them.

    After ``reload_weights`` vLLM 0.32 on CPU keeps the old packed copy of the (tied) output head, and cached prefixes
    of the old weights: both are renewed here.
    """

    def __init__(self, llm: Any, base: Checkpoint, cpu: bool) -> None:
        self._llm = llm
        self._loaded = base.hash
        self._cpu = cpu

    def load(self, checkpoint: Checkpoint) -> None:
        """Make the engine answer with the full weights of ``checkpoint``; nothing is done where it holds them.

        Raises:
            CheckpointRefused: if vLLM refuses the weights.
        """
        if checkpoint.hash == self._loaded:
            return
        path = str(Path(checkpoint.path).resolve())
        self._loaded = ""
        try:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": path})
            if self._cpu:
                self._llm.collective_rpc(_repack_head)
        except Exception as error:  # vLLM raises many kinds; each means that these weights cannot be served here
            if checkpoint.kind == "base":
                raise  # nobody else can be served by this engine any more: it has to be started again
            first = (str(error) or type(error).__name__).splitlines()[0]
            raise CheckpointRefused(checkpoint.label, f"vLLM cannot load {checkpoint.path}: {first}") from error
        if not self._llm.llm_engine.reset_prefix_cache():
            if checkpoint.kind == "base":
                raise RuntimeError("vLLM did not empty its prefix cache")
            raise CheckpointRefused(checkpoint.label, "vLLM did not empty its prefix cache after new weights")
        self._loaded = checkpoint.hash


def _repack_head(worker: Any) -> None:
    """Pack the output head again from its present weight (runs in the engine's worker)."""
    from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

    model = worker.model_runner.model
    head = getattr(model, "lm_head", None)
    head = getattr(head, "base_layer", head)
    if head is not None and hasattr(head, "weight"):
        dispatch_cpu_unquantized_gemm(head, remove_weight=False)
