"""A shard of an evaluation: some of a base's checkpoints, answered into a store of its own and then taken over.

No two processes ever write to one store.  A shard reads what the audit's store holds already, writes its own answers
and results below ``<audit>/.launch/shards/<base>/``, and the driver, alone, appends them to the audit's store.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint

PATIENCE = 60.0
"""Seconds that a process which should be gone gets to let go of a store."""


@dataclass(frozen=True)
class Shard:
    """``labels`` of the checkpoints that are asked (``base`` among them); the others only decide who is served how.

    ``answered``: the store of the whole evaluation, read and never written.
    """

    labels: tuple[str, ...]
    answered: Path | None = None

    def cut(self, routes: Mapping[str, list[Checkpoint]]) -> dict[str, list[Checkpoint]]:
        """Engine -> those of its checkpoints that are in the shard, and the base, against which all are held."""
        kept = {name: [c for c in served if c.kind == "base" or c.label in self.labels]
                for name, served in routes.items()}  # fmt: skip
        return {name: served for name, served in kept.items() if any(c.label in self.labels for c in served)}


def find_shards(out: Path) -> Path:
    """Where an audit's shards lie, one folder per base and in it one per shard."""
    return out / ".launch" / "shards"


def take_shard(shard: Path, results: Path, *, whole: bool) -> int:
    """Take a shard's answers into the store of ``results``, its results too where it is ``whole``, and remove it.

    Returns:
        How many answers were new.

    Raises:
        LorafairError: if another process writes to either store, or the disk is full; nothing is lost then.
    """
    from lorafair.responses.store import ResponseStore
    from lorafair.result_file import take_results

    with ResponseStore(shard / "responses"), ResponseStore(results / "responses") as store:
        count = store.absorb(shard / "responses")
        if whole:
            take_results(shard, results)
    shutil.rmtree(shard, ignore_errors=True)
    return count


def take_leftovers(out: Path, say: Callable[[str], None], patience: float = PATIENCE) -> None:
    """Take the answers of shards that an earlier driver left behind (killed, interrupted, lost its tasks).

    Raises:
        LorafairError: if a process still writes to one after ``patience`` seconds.
    """
    from lorafair.responses.store import StoreBusyError

    for shard in sorted(path for path in find_shards(out).glob("*/*") if path.is_dir()):
        end = time.monotonic() + patience
        while True:
            try:
                count = take_shard(shard, out / "results" / shard.parent.name, whole=False)
                break
            except StoreBusyError:
                if time.monotonic() > end:
                    raise
                time.sleep(1.0)
        if count:
            say(f"{count} answers of an interrupted shard of {shard.parent.name} were kept")
