"""What a user is told when the machine, not the training, is at its end."""

from __future__ import annotations

import errno
import inspect
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
        return (
            f"{run.name}: out of memory. Any of these takes less: {', '.join(list_savings(run))}. Finished checkpoints "
            "and the last whole save are kept; with settings that change no weight the run goes on from there."
        )
    return None


def list_savings(run: Run) -> list[str]:
    """Settings of a run's trainer that take less memory."""
    from lorafair.registry import load_registry, load_target

    takes = inspect.signature(load_target(load_registry().get("trainer", run.settings["trainer"]))).parameters
    found = [f"a smaller --batch-size (now {run.settings['batch_size']})"]
    if "max_length" in takes:
        found.append(f"a smaller --max-length (now {run.settings['max_length']})")
    else:
        found.append("a base of fewer weights or smaller images")
    if "gradient_checkpointing" in takes:
        found.append("--gradient-checkpointing (more time, the same weights)")
    if "micro_batch" in takes:
        found.append("--max-memory SIZE (each step in several passes, the same weights but for rounding)")
    return found


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)  # torch on the CPU
