"""How the examples of a step are shared out, so that several processes, or several passes, take the step of one.

transformers' own sharing differs from one process in two ways: it fills an epoch's last batch up with examples from its
beginning, and it multiplies the loss by the number of processes also for the many classifiers whose loss is a mean over
their own share already.  Here every epoch is drawn once, cut into the steps of one process, and each process takes its
part of every step, a single example without loss where nothing is left for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lorafair.errors import LorafairError
from lorafair.process import count_processes, find_place, share_batch

IGNORED = -100
FILLER = "filler"
"""The mark of an example, and of a batch, that stands where nothing was left: it carries no loss."""


def split_step(batch_size: int, micro_batch: int | None = None) -> dict[str, int]:
    """Arguments of transformers.TrainingArguments for steps of ``batch_size`` examples.

    Args:
        batch_size: of a step of all processes.
        micro_batch: examples that a process takes at a time; None is its whole share of a step.

    Raises:
        LorafairError: if a step cannot be shared out evenly.
    """
    share = share_batch(batch_size)
    taken = share if micro_batch is None else micro_batch
    if taken < 1 or share % taken:
        raise LorafairError(f"A process's {share} examples of a step cannot be taken {taken} at a time.")
    return {"per_device_train_batch_size": taken, "gradient_accumulation_steps": share // taken}


class Shares:
    """A batch sampler: the places of this process's examples, pass by pass, in the order that one process has.

    Args:
        examples: the training set.
        size: examples that a process takes in a pass.
        seed: of the run; epoch e is accelerate's permutation of seed + e, as one process has it.
    """

    def __init__(self, examples: Sequence[Any], size: int, seed: int) -> None:
        from accelerate.data_loader import SeedableRandomSampler  # type: ignore[import-untyped]

        self._order = SeedableRandomSampler(examples, data_seed=seed)
        self._count, self.batch_size, self.drop_last = len(examples), size, False

    def __len__(self) -> int:
        return -(-self._count // (self.batch_size * count_processes()))

    def __iter__(self) -> Iterator[list[int]]:
        order, whole = list(self._order), self.batch_size * count_processes()
        for start in range(0, len(order), whole):
            yield take_share(order[start : start + whole], self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of this epoch next (counted from 0)."""
        self._order.set_epoch(epoch)


def take_share(places: list[int], size: int) -> list[int]:
    """This process's part of the places of a pass; ``[-1 - place]`` of the first, a filler, where none is left."""
    start = find_place() * size
    return places[start : start + size] or [-1 - places[0]]


class Fillable(Sequence[dict[str, Any]]):
    """Examples; the negative places of :func:`take_share` give one that is marked as a filler."""

    def __init__(self, examples: Sequence[dict[str, Any]]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, at: Any) -> Any:
        return self._examples[at] if at >= 0 else {**self._examples[-1 - at], FILLER: True}


def make_loader(examples: Sequence[Any], collate: Callable[[Any], dict[str, Any]], size: int, seed: int) -> Any:
    """What transformers' Trainer takes its batches from in one of several processes.

    Returns:
        a torch DataLoader of batches as ``collate`` makes them; those that are fillers have the mark FILLER, and
        IGNORED for each label.
    """
    import torch

    class Loader(torch.utils.data.DataLoader[Any]):
        def set_epoch(self, epoch: int) -> None:
            shares.set_epoch(epoch)

    def fill(rows: list[dict[str, Any]]) -> dict[str, Any]:
        if not any(row.get(FILLER) for row in rows):
            return collate(rows)
        batch = collate([{key: value for key, value in row.items() if key != FILLER} for row in rows])
        return {**batch, "labels": torch.full_like(batch["labels"], IGNORED), FILLER: True}

    shares: Any = Shares(examples, size, seed)
    fillable: Any = Fillable(examples)
    pinned = torch.cuda.is_available()
    return Loader(fillable, batch_sampler=shares, collate_fn=fill, pin_memory=pinned)


def average_classes(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross entropy of a classification head: the sum over these examples by the number of those of the whole step.

    transformers' Trainer multiplies it by the number of processes, whose gradients are then averaged.  Most classifiers
    of transformers divide by their own batch instead, whatever they are told.
    """
    import torch

    total = torch.nn.functional.cross_entropy(outputs["logits"].float(), labels, reduction="sum", ignore_index=IGNORED)
    return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)


def gather_examples(losses: Any, groups: Any, labels: Any, filler: bool) -> tuple[Any, Any, Any]:
    """The losses, groups and labels of a step's examples in all processes, in the order of the processes.

    Args:
        losses: torch (batch,), with gradients; in the result those of this process still have them.
        groups: torch bool (batch, G).
        labels: torch int (batch,), or None.
        filler: whether this process's batch is a filler, which is left out.
    """
    import torch
    import torch.distributed as processes

    columns = [losses.detach().double()[:, None], groups.double()]
    columns += [] if labels is None else [labels.double()[:, None]]
    mine = torch.cat(columns, 1)[: 0 if filler else None]
    counts = [torch.zeros(1, dtype=torch.long, device=losses.device) for _ in range(count_processes())]
    processes.all_gather(counts, torch.tensor([len(mine)], device=losses.device))
    most = max(int(count) for count in counts)
    padded = torch.cat([mine, mine.new_zeros(most - len(mine), mine.shape[1])])
    found = [torch.empty_like(padded) for _ in counts]
    processes.all_gather(found, padded)
    parts = [part[: int(count)] for part, count in zip(found, counts, strict=True)]
    rows, place = torch.cat(parts), find_place()
    live = [part[:, 0].to(losses.dtype) for part in parts]
    live[place] = live[place] + 0 * losses.sum() if filler else losses
    inside = rows[:, 1 : 1 + groups.shape[1]].bool()
    return torch.cat(live), inside, None if labels is None else rows[:, -1].to(labels.dtype)
