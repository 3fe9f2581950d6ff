"""Hidden states of a lent model, layer by layer: one vector a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from lorafair.engines.hf_adapter import extra_arguments, keeps_logits, mixes_rows
from lorafair.statistics.table import Floats

Place = Literal["mean", "last"]


def read_states(model: Any, rows: Sequence[Sequence[int]], place: Place, layers: Sequence[int], size: int) -> Floats:
    """States of texts after each of the layers.

    Args:
        model: lent by an engine.
        rows: token ids of each text, at least one.
        place: the mean over a text's tokens, or its last token.
        layers: 0 is the embeddings; see :func:`count_layers`.
        size: texts per forward pass.

    Returns:
        (layers, texts, width) float32.
    """
    import torch

    found: Floats | None = None
    order = sorted(range(len(rows)), key=lambda i: (len(rows[i]), i))
    size = 1 if mixes_rows(model) else size
    device = next(model.parameters()).device
    with torch.inference_mode(), _allow_padding(model):
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            width = max(len(rows[i]) for i in batch)
            ids = torch.tensor([[*rows[i], *[0] * (width - len(rows[i]))] for i in batch], device=device)
            lengths = torch.tensor([len(rows[i]) for i in batch], device=device)
            mask = (torch.arange(width, device=device) < lengths[:, None]).long()
            extra = extra_arguments(model, len(batch)) | ({"logits_to_keep": 1} if keeps_logits(model) else {})
            said = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, **extra).hidden_states
            for number, layer in enumerate(layers):
                states = said[layer][:, -width:].float()  # virtual tokens stand before the text
                if place == "mean":
                    states = (states * mask[..., None]).sum(1) / lengths[:, None]
                else:
                    states = states[torch.arange(len(batch), device=device), lengths - 1]
                if found is None:
                    found = np.empty((len(layers), len(rows), states.shape[-1]), dtype=np.float32)
                found[number, batch] = states.cpu().numpy()
    return np.zeros((len(layers), 0, 0), dtype=np.float32) if found is None else found


def count_layers(model: Any) -> int:
    """Layers of a model; with the embeddings there is one state more."""
    config = model.config
    return int(getattr(config, "num_hidden_layers", 0) or getattr(config, "n_layer", 0))


@contextmanager
def _allow_padding(model: Any) -> Iterator[None]:
    """Let a decoder with a classification head take batches where nobody told it which token is padding.

    That only decides which token its head looks at; states of a text do not depend on what stands behind it.
    """
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    told = getattr(config, "pad_token_id", None)
    if told is None:
        config.pad_token_id = 0
    try:
        yield
    finally:
        config.pad_token_id = told
