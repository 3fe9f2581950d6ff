"""Processes that train one model together (``torchrun``, ``accelerate launch``): which one this is, and waiting.

Both launchers tell every process its place by environment variables; a plain ``lorafair train`` has none.
"""

from __future__ import annotations

import os

from lorafair.errors import LorafairError


def count_processes() -> int:
    """How many processes train together; 1 without a launcher."""
    return max(int(os.environ.get("WORLD_SIZE") or 1), 1)


def find_place() -> int:
    """This process's number among those that train together, from 0."""
    return int(os.environ.get("RANK") or 0)


def is_first() -> bool:
    """Whether this is the process that writes files and speaks to the user."""
    return find_place() == 0


def wait() -> None:
    """Go on when every process is here; at once where there is only one."""
    if count_processes() > 1:
        import torch
        from accelerate import PartialState  # type: ignore[import-untyped]

        PartialState(cpu=not torch.cuda.is_available()).wait_for_everyone()


def share_batch(batch_size: int) -> int:
    """Examples of a step that fall to this process.

    Raises:
        LorafairError: if the batch cannot be shared out evenly.
    """
    processes = count_processes()
    if batch_size % processes:
        raise LorafairError(
            f"--batch-size {batch_size} is that of a step of all {processes} processes, and cannot be shared out "
            f"evenly. Give a multiple of {processes}."
        )
    return batch_size // processes


def note_launcher() -> list[str]:
    """A line where the launcher was told to share a model out (FSDP) and accelerate, on CPUs, does not."""
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() not in ("1", "true"):
        return []
    import torch

    if torch.cuda.is_available():
        return []
    return ["accelerate shards no model on CPUs (FSDP); each process holds a copy of it"]


def agree(flags: list[bool]) -> list[bool]:
    """Of each flag whether any process has raised it, the same in all of them."""
    if count_processes() == 1:
        return flags
    import torch
    import torch.distributed

    told = torch.tensor([int(flag) for flag in flags])
    if torch.cuda.is_available():
        told = told.cuda()
    torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in told.tolist()]
