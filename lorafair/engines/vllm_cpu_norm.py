"""vLLM's RMS norm on CPU by its own compiled kernel, which vLLM 0.32 uses on GPUs only.

On a CPU without torch.compile it normalises by half a dozen tensor operations, each through memory and in float32.  Its
compiled CPU kernel (``torch.ops._C.rms_norm``) does the same in one pass, and rounds once where the operations round
twice.  Applied only on the CPU platform and only to the vLLM versions that it was tested with;
``LORAFAIR_CPU_NORM=stock`` switches it off.
"""

from __future__ import annotations

from typing import Any

from lorafair.engines.vllm_cpu_patch import may_patch

WIDTH = 32
"""The kernel reads whole vectors: layers whose size is no multiple of this keep the operations."""


def apply_compiled_norm() -> bool:
    """Let RMS norms use the compiled kernel; returns whether it was done.

    Must run before the engine is made, in the engine's own process.
    """
    if not may_patch("LORAFAIR_CPU_NORM"):
        return False
    import torch
    from vllm.model_executor.layers.layernorm import RMSNorm
    from vllm.platforms import current_platform

    current_platform.import_kernels()
    if not (hasattr(torch.ops._C, "rms_norm") and hasattr(torch.ops._C, "fused_add_rms_norm")):
        return False
    RMSNorm.forward_cpu = normalise
    return True


def normalise(layer: Any, x: Any, residual: Any = None) -> Any:
    """``weight * x / rms(x)``; with ``residual`` of ``x + residual``, and that sum beside it (both in place).

    Shapes: x and residual (…, width).  What the kernel cannot read goes to the layer's own ``forward_native``.
    """
    import torch

    weight = layer.weight.data if layer.has_weight else None
    fits = (
        weight is not None
        and layer.variance_size_override is None
        and weight.dtype == x.dtype
        and x.dtype in (torch.float32, torch.bfloat16)
        and x.shape[-1] % WIDTH == 0
        and x.is_contiguous()
        and (residual is None or (residual.dtype == x.dtype and residual.is_contiguous()))
    )
    if not fits:
        return layer.forward_native(x, residual)
    if residual is not None:
        torch.ops._C.fused_add_rms_norm(x, residual, weight, layer.variance_epsilon)
        return x, residual
    out = torch.empty_like(x)
    torch.ops._C.rms_norm(out, x, weight, layer.variance_epsilon)
    return out
