"""Whether a checkpoint's weights are numbers, before it is asked anything."""

from __future__ import annotations

from collections.abc import Iterable

from lorafair.checkpoint import Checkpoint
from lorafair.errors import raise_faults


def check_finite(checkpoints: Iterable[Checkpoint], dtype: str) -> None:
    """Refuse checkpoints that hold NaN or infinite weights, as stored or once rounded to ``dtype``.

    A diverged model still generates text, and text without meaning holds few hurtful words: it would look better.

    Raises:
        LorafairError: naming each such checkpoint and its first bad tensor.
    """
    import torch
    from safetensors import safe_open

    kind = getattr(torch, dtype)

    def is_bad(tensor: torch.Tensor) -> bool:  # positions (integers) are not rounded to the dtype
        return tensor.is_floating_point() and not bool(tensor.to(kind).isfinite().all())

    faults = []
    for checkpoint in checkpoints:
        pattern = "adapter_model*.safetensors" if checkpoint.kind == "adapter" else "*.safetensors"
        for path in sorted(checkpoint.path.glob(pattern)):
            with safe_open(path, framework="pt") as file:
                bad = next((k for k in file.keys() if is_bad(file.get_tensor(k))), None)  # noqa: SIM118
            if bad is not None:
                faults.append(
                    f"{checkpoint.label}: {path.name} holds numbers that are NaN or infinite in {dtype} ({bad}). Its "
                    "training diverged: train it again with a lower --lr, or leave it out."
                )
                break
    raise_faults("These checkpoints cannot be evaluated", faults)
