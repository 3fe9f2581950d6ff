"""The loss of each row of training data under a model, in float64 and one by one: what the attacks look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lorafair.engines.hf_adapter import mixes_rows
from lorafair.engines.hf_pair import read_logits
from lorafair.errors import LorafairError
from lorafair.picture import name_picture
from lorafair.probe_check import check_tokenizer, guard_memory
from lorafair.probe_text import POSITIONS, Placed, cut_batches
from lorafair.statistics.table import Floats

_ROWS = 64
"""Distributions that are worked on in float64 at once."""


def measure_losses(engine: Any, checkpoint: Any, data: Any, max_length: int) -> Floats:
    """Each row's training loss: cross entropy of its label, or per token of its completion, end-of-sequence included.

    Texts are tokenised and cut as in training.

    Args:
        engine: lends the model: ``hf``, or of a classifier ``head``.
        checkpoint: of the engine's base.
        data: :class:`lorafair.data.pairs.Pairs`, or of a classifier :class:`lorafair.data.labelled.Labelled`.
        max_length: in tokens, as in training.

    Returns:
        (rows,) nats, at least 0.

    Raises:
        LorafairError: for other data, where logits are not numbers, naming the rows, or the memory does not suffice.
    """
    classifies = bool(getattr(engine, "classifies", False))
    if not hasattr(data, "encode" if classifies else "tokenise"):
        raise LorafairError(
            f"{checkpoint.label} was trained on {data.name}, which has neither completions nor labels of single rows "
            f"for the engine {engine.name}. Membership is told of checkpoints of the trainers sft (--engine hf), "
            "classify and image (--engine head)."
        )
    fewer = "a smaller --batch-size, " if classifies else ""
    mend = (
        f"Probe with {fewer}--dtype bfloat16 or on another device (--device cpu), or train and probe with shorter "
        f"texts (--max-length, now {max_length})."
    )
    with guard_memory(checkpoint, mend):
        found = (_measure_labels if classifies else _measure_completions)(engine, checkpoint, data, max_length)
    refuse_no_numbers(found, [row["id"] for row in data.rows], checkpoint.label)
    return found


def _measure_completions(engine: Any, checkpoint: Any, data: Any, max_length: int) -> Floats:
    import torch

    check_tokenizer(engine, checkpoint, (row["prompt"] + row["completion"] for row in data.rows))
    placed = [_place(example) for example in data.tokenise(engine.tokenizer, max_length).examples]
    found = np.full(len(placed), np.nan)
    with engine.lend(checkpoint) as model, torch.inference_mode():
        alone = mixes_rows(model)
        for batch in [[i] for i in range(len(placed))] if alone else cut_batches(placed, POSITIONS):
            rows, places = [placed[i].ids for i in batch], [placed[i].places for i in batch]
            wanted = torch.tensor([each.ids[at + 1] for each in (placed[i] for i in batch) for at in each.places])
            losses = compute_losses(read_logits(model, rows, places), wanted)
            found[batch] = [float(part.mean()) for part in losses.split([len(each) for each in places])]
    return found


def _measure_labels(engine: Any, checkpoint: Any, data: Any, max_length: int) -> Floats:
    import torch

    labels = checkpoint.head.labels
    if unknown := sorted({row["label"] for row in data.rows} - set(labels)):
        raise LorafairError(
            f"{checkpoint.label} has no label {', '.join(unknown)}, it has {', '.join(labels)}: it has no loss on rows "
            f"of {data.name}. Attack a checkpoint that was trained on them."
        )
    length = ((checkpoint.provenance or {}).get("settings") or {}).get("length") or max_length
    if data.kind == "text":
        check_tokenizer(engine, checkpoint, (row["text"] for row in data.rows))
    found = np.full(len(data.rows), np.nan)
    with engine.lend(checkpoint) as model, torch.inference_mode():
        reader, place = engine.find_reader(checkpoint, model), next(model.parameters()).device
        if data.kind == "text":
            rows = [each["input_ids"] for each in data.encode(engine.base_tokenizer, length, labels).examples]
        else:
            rows = reader.read([name_picture(row["image"]) for row in data.rows])
        wanted = torch.tensor([labels.index(row["label"]) for row in data.rows])
        order = sorted(range(len(rows)), key=lambda i: -reader.measure(rows[i]))
        size = 1 if mixes_rows(model) else engine.batch_size
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            logits = model(**reader.stack([rows[i] for i in batch], place)).logits
            found[batch] = compute_losses(logits, wanted[batch]).numpy()
    return found


def refuse_no_numbers(values: Floats, ids: Sequence[str], label: str) -> None:
    """Raise a LorafairError that names the rows whose losses are not finite."""
    broken = [ids[i] for i in np.flatnonzero(~np.isfinite(values))]
    if broken:
        raise LorafairError(
            f"Logits of {label} are not numbers on {', '.join(broken[:5])}{', …' if len(broken) > 5 else ''} "
            f"({len(broken)} rows). Probe with --dtype float32, or train it again with a lower --lr."
        )


def compute_losses(logits: Any, wanted: Any) -> Any:
    """Negative log-probability of one entry of each row, exact even where it is nearly certain.

    ``softplus(logsumexp(others) - logit)`` in float64, so that the log-odds that follow from it are the margin
    ``logit - logsumexp(others)`` itself (for two classes the difference of the logits).

    Args:
        logits: (n, classes), any float type.
        wanted: (n,) which entry.

    Returns:
        torch.float64, (n,), nats.
    """
    import torch

    parts = []
    for start in range(0, len(logits), _ROWS):
        rows, own = logits[start : start + _ROWS].double(), wanted[start : start + _ROWS].to(logits.device)[:, None]
        others = rows.scatter(1, own, -torch.inf).logsumexp(-1)
        parts.append(torch.nn.functional.softplus(others - rows.gather(1, own)[:, 0], threshold=700.0))
    return torch.cat(parts).cpu() if parts else torch.zeros(0, dtype=torch.float64)


def _place(example: dict[str, list[int]]) -> Placed:
    """A tokenised pair, and the positions that predict the tokens that carry loss."""
    from lorafair.data.pairs import IGNORED

    labels = example["labels"]
    first = max(1, next((i for i, label in enumerate(labels) if label != IGNORED), len(labels) - 1))
    return Placed(example["input_ids"], range(first - 1, len(labels) - 1), False)
