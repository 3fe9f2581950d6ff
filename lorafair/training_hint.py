"""What a user is told when the machine, not the training, is at its end."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lorafair.plan import Plan, Run


def find_hint(error: Exception, plan: Plan, run: Run) -> str | None:
    """What to do about a full disk, a folder that cannot be written to, or memory that ran out; None for the rest."""
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in str(error):
        free = shutil.disk_usage(plan.out if plan.out.exists() else Path()).free / 2**20
        return (
            f"{run.name}: the disk of {plan.out} is full ({free:.0f} MiB free). Finished checkpoints and the last "
            "whole save are kept: free some space, then give the same command again."
        )
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
        return f"{run.name}: cannot write in {plan.out} ({error.strerror}: {error.filename}). Give another --out."
    if _is_out_of_memory(error):
        size, length = run.settings["batch_size"], run.settings["max_length"]
        return (
            f"{run.name}: out of memory. Any of these takes less: a smaller --batch-size (now {size}), a smaller "
            f"--max-length (now {length}), --gradient-checkpointing (more time, the same weights). Finished "
            "checkpoints and the last whole save are kept; with the last of the three the run goes on from there."
        )
    return None


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)  # torch on the CPU
