"""Hidden states of documents' texts under a checkpoint, for probes that read something from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from lorafair.engines.hf_state import count_layers, read_states
from lorafair.errors import LorafairError
from lorafair.probe_check import check_tokenizer, guard_memory, read_tokenizer
from lorafair.probe_text import find_room
from lorafair.statistics.table import Floats

BATCH = 16


def read_text_states(
    engine: Any, checkpoint: Any, documents: Sequence[Mapping[str, Any]], states: Literal["mean", "last"], every: int
) -> tuple[list[int], Floats]:
    """States of each document's ``text`` after some layers, and which layers these are.

    A base of classifiers that has no head is read under a head of zeros.

    Args:
        engine: lends models: ``hf``, or for classifiers ``head``.
        states: the mean over a text's tokens, or its last token.
        every: take every so many layers; the embeddings (0) and the last layer always.

    Returns:
        The layers, and (layers, documents, width) float32.

    Raises:
        LorafairError: for classifiers of images, another tokenizer than the base's, texts longer than the context, too
            little memory (naming the settings to change), and states that are not numbers (naming the documents).
    """
    classifies = bool(getattr(engine, "classifies", False))
    heads = [each.head for each in engine.checkpoints.values() if each.head is not None]
    if classifies and any(head.kind == "image" for head in heads):
        raise LorafairError(
            f"Read are states of texts, and the classifiers beside {checkpoint.label} are about images. They can be "
            "probed with membership_loss and membership_lira."
        )
    check_tokenizer(engine, checkpoint, (each["text"] for each in documents))
    room, tokenizer = find_room(engine.base.config, checkpoint), read_tokenizer(engine)
    rows = [list(tokenizer(each["text"])["input_ids"]) for each in documents]
    if bad := [each["id"] for each, row in zip(documents, rows, strict=True) if not 0 < len(row) <= room]:
        raise LorafairError(
            f"{len(bad)} texts have no token, or more than the {room} that {checkpoint.label} reads at once "
            f"({_list(bad)}). Shorten them, or leave them out."
        )
    bare = classifies and checkpoint.kind == "base" and checkpoint.head is None
    size = int(getattr(engine, "batch_size", BATCH))
    mend = (
        f"Give a smaller --batch-size (now {size}), fewer layers (--settings every={2 * every}), fewer documents "
        "(--limit), --dtype bfloat16, or --device cpu."
    )
    with guard_memory(checkpoint, mend), engine.lend_body() if bare else engine.lend(checkpoint) as model:
        last = count_layers(model)
        layers = sorted({*range(0, last + 1, every), last})
        found = read_states(model, rows, states, layers, size)
    if broken := [each["id"] for i, each in enumerate(documents) if not np.isfinite(found[:, i]).all()]:
        raise LorafairError(
            f"States of {checkpoint.label} are not numbers on {_list(broken)}. Half precision that overflows is often "
            "behind it: try --dtype float32; else the checkpoint is damaged."
        )
    return layers, found


def _list(ids: Sequence[str]) -> str:
    return f"{', '.join(ids[:5])}{', …' if len(ids) > 5 else ''}"
