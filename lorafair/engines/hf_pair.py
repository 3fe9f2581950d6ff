"""A checkpoint and its base side by side, in one model where that is exact: for probes that compare distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lorafair.engines.hf_adapter import extra_arguments, keeps_logits, leaves_traces

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint
    from lorafair.engines.hf import HfEngine

Reader = Callable[[Sequence[Sequence[int]], Sequence[range]], Any]
"""Rows of token ids, and the positions of each whose logits are wanted -> logits (all positions, vocabulary)."""


@dataclass(frozen=True)
class Side:
    """One of the two: inside ``turn()`` the ``model`` answers as it."""

    model: Any
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext


@contextmanager
def lend_sides(engine: HfEngine, checkpoint: Checkpoint) -> Iterator[tuple[Side, Side]]:
    """A checkpoint and its base.

    An adapter that leaves the base alone is switched off and on in one model.  For the others, and for full models,
    both models are in memory, the base loaded again afterwards.

    Raises:
        CheckpointRefused: as :meth:`HfEngine.ask`.
    """
    if checkpoint.kind == "base":
        with engine.lend(checkpoint) as model:
            yield Side(model), Side(model)
    elif checkpoint.kind == "adapter" and not leaves_traces(checkpoint):
        with engine.lend(checkpoint) as model:
            yield Side(model), Side(model, model.disable_adapter)
    else:
        with engine.lend(engine.base) as base:
            engine.forget_base()
            with engine.lend(checkpoint) as model:
                yield Side(model), Side(base)


@contextmanager
def lend_pair(engine: HfEngine, checkpoint: Checkpoint) -> Iterator[tuple[Reader, Reader]]:
    """Readers of a checkpoint's logits and of its base's, on :func:`lend_sides`.

    Raises:
        CheckpointRefused: as :meth:`HfEngine.ask`.
    """
    with lend_sides(engine, checkpoint) as (ours, base):
        yield partial(_read, ours), partial(_read, base)


def _read(side: Side, rows: Sequence[Sequence[int]], places: Sequence[range]) -> Any:
    with side.turn():
        return read_logits(side.model, rows, places)


def read_logits(model: Any, rows: Sequence[Sequence[int]], places: Sequence[range]) -> Any:
    """Logits at ``places`` of each row, from one right-padded forward pass.

    The output head, where the model can leave positions out, begins where the first place is.

    Returns:
        Tensor of shape (all places, vocabulary) in the model's own float type.
    """
    import torch

    device = next(model.parameters()).device
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    extra, first = extra_arguments(model, len(rows)), 0
    if keeps_logits(model):
        first = min(each.start for each in places)
        extra["logits_to_keep"] = torch.arange(first, width, device=device)
    logits = model(input_ids=ids, attention_mask=mask, **extra).logits
    return take_places(logits, places, width - first, first)


def take_places(values: Any, places: Sequence[range], width: int, first: int = 0) -> Any:
    """(all places, …) of ``values`` (rows, positions, …), of whose positions the last ``width`` are from ``first`` on.

    What stands before them are virtual tokens.
    """
    import torch

    values = values[:, values.shape[1] - width :]
    return torch.cat([values[i, each.start - first : each.stop - first] for i, each in enumerate(places)])
