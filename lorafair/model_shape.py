"""Names and shapes of a classification model's weights as transformers holds them, not as they are saved."""

from __future__ import annotations

from pathlib import Path

from lorafair.head import ENDINGS


def list_shapes(path: Path, kind: str) -> dict[str, tuple[int, ...]]:
    """Tensor name to shape of a folder's model with a head for ``kind``; no weights are read.

    Newer versions of transformers rename modules while they load (ViT's ``encoder.layer`` to ``layers``), and an
    adapter has the names that the model had in memory.  Empty where transformers knows no such model.
    """
    import torch
    import transformers

    try:
        with torch.device("meta"):
            config = transformers.AutoConfig.from_pretrained(path, trust_remote_code=False)
            model = getattr(transformers, f"AutoModel{ENDINGS[kind]}").from_config(config, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, TypeError):
        return {}
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
