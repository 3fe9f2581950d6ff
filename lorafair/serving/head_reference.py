"""The reference of a classifier's verification: a fresh load by transformers and PEFT, one content at a time."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.classifier import trains_body
from lorafair.engines.contract import EngineSettings
from lorafair.engines.head import answer_labels
from lorafair.engines.head_input import Readers
from lorafair.engines.head_model import FAULTS, hush_loading, read_tensors
from lorafair.head import ENDINGS, describe_labels
from lorafair.label_match import name_outputs
from lorafair.responses.request import Request


def ask_fresh(
    base: Checkpoint,
    checkpoint: Checkpoint,
    requests: Sequence[Request],
    settings: EngineSettings,
    dtype: str,
    failed: dict[str, str],
) -> Iterator[tuple[Request, Any]]:
    """The answers of a model that is loaded for this checkpoint alone, on the CPU.

    Args:
        requests: (content, label) to this checkpoint.
        dtype: torch's name of the type that it computes in.
        failed: gets the reason where it cannot be loaded.
    """
    import torch

    assert checkpoint.head is not None
    kind = getattr(torch, dtype)
    try:
        with hush_loading():
            model = load_fresh(base, checkpoint, kind, settings.trust_remote_code)
    except FAULTS as error:
        failed.setdefault(checkpoint.label, f"{checkpoint.path} cannot be loaded: {error}")
        return
    reader = Readers(base, kind).find(checkpoint, model)
    outputs = name_outputs(checkpoint.head.labels, settings.label_map)
    for content in dict.fromkeys(request.arguments[0] for request in requests):
        with torch.inference_mode():
            logits = model(**reader.stack(reader.read([content]), "cpu")).logits[0]
        nats = logits.double().log_softmax(-1).tolist()
        same = [request for request in requests if request.arguments[0] == content]
        yield from answer_labels(checkpoint.label, same, nats, outputs)
    del model
    gc.collect()


def load_fresh(base: Checkpoint, checkpoint: Checkpoint, dtype: Any, trust_remote_code: bool = False) -> Any:
    """A checkpoint as plain transformers and PEFT load it.

    Raises:
        OSError, ValueError, …: what they raise.
    """
    import transformers

    assert checkpoint.head is not None
    maker = getattr(transformers, f"AutoModel{ENDINGS[checkpoint.head.kind]}")
    if checkpoint.kind != "adapter":
        return maker.from_pretrained(checkpoint.path, dtype=dtype, use_safetensors=True).eval()
    model = maker.from_pretrained(
        base.path,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=trust_remote_code,
        ignore_mismatched_sizes=True,
        **describe_labels(checkpoint.head.labels),
    )
    if not trains_body(checkpoint):
        model.load_state_dict(read_tensors(checkpoint), strict=False)
        return model.eval()
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(checkpoint.path)).eval()
