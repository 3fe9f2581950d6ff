"""The loss of each row of training data under a model, in float64 and one by one: what the attacks look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lorafair.engines.hf_adapter import mixes_rows
from lorafair.engines.hf_pair import read_logits
from lorafair.errors import LorafairError
from lorafair.probe_text import POSITIONS, Placed, cut_batches
from lorafair.statistics.table import Floats

_ROWS = 64
"""Distributions that are worked on in float64 at once."""


def measure_losses(engine: Any, checkpoint: Any, data: Any, max_length: int) -> Floats:
    """Mean negative log-probability of each row's completion, per token, end-of-sequence included: its training loss.

    Rows are tokenised and cut as in training.

    Args:
        engine: lends the model.
        checkpoint: of the engine's base.
        data: :class:`lorafair.data.pairs.Pairs`.
        max_length: in tokens, as in training.

    Returns:
        (rows,) nats, at least 0.

    Raises:
        LorafairError: where logits are not numbers, naming the rows, or the memory does not suffice.
    """
    import torch

    placed = [_place(example) for example in data.tokenise(engine.tokenizer, max_length).examples]
    found = np.full(len(placed), np.nan)
    try:
        with engine.lend(checkpoint) as model, torch.inference_mode():
            alone = mixes_rows(model)
            batches = [[i] for i in range(len(placed))] if alone else cut_batches(placed, POSITIONS)
            for batch in batches:
                rows, places = [placed[i].ids for i in batch], [placed[i].places for i in batch]
                wanted = torch.tensor([each.ids[at + 1] for each in (placed[i] for i in batch) for at in each.places])
                losses = compute_losses(read_logits(model, rows, places), wanted)
                parts = losses.split([len(each) for each in places])
                found[batch] = [float(part.mean()) for part in parts]
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            raise LorafairError(
                f"{checkpoint.label}: out of memory. Probe on another device (--device cpu), or train and probe with "
                f"shorter texts (--max-length, now {max_length})."
            ) from error
        raise
    refuse_no_numbers(found, [row["id"] for row in data.rows], checkpoint.label)
    return found


def refuse_no_numbers(values: Floats, ids: Sequence[str], label: str) -> None:
    """Raise a LorafairError that names the rows whose losses are not finite."""
    broken = [ids[i] for i in np.flatnonzero(~np.isfinite(values))]
    if broken:
        raise LorafairError(
            f"Logits of {label} are not numbers on {', '.join(broken[:5])}{', …' if len(broken) > 5 else ''} "
            f"({len(broken)} rows). Train it again with a lower --lr."
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
