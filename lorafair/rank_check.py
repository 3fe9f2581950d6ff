"""Ranks held against the layers that they are for, before anything is trained."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lorafair.registry import load_registry, load_target

if TYPE_CHECKING:
    from lorafair.base import Base
    from lorafair.plan import Run


def find_rank_faults(runs: Sequence[Run], base: Base) -> tuple[list[str], list[str]]:
    """(faults, notes): ranks that no targeted layer has room for, and ranks that only some have.

    The product B A of a layer with i inputs and o outputs has at most the rank min(i, o).  Where the rank is above, the
    adapter can make any update, and more rank changes nothing but the scaling and the number of weights.  It concerns
    the methods that take a rank, an alpha and target modules, which is what a product of two matrices is described by.

    Args:
        runs: to be trained.
        base: whose layers are looked up, without reading weights.
    """
    faults, notes = [], []
    for rank in sorted({run.settings["rank"] for run in runs if _is_product(run)}):
        run = next(run for run in runs if _is_product(run) and run.settings["rank"] == rank)
        sizes = [min(shape) for shape in _find_hits(run, base).values()]
        if not sizes:
            continue  # the trainer says which modules there are
        small = [size for size in sizes if size < rank]
        if len(small) == len(sizes):
            faults.append(
                f"rank {rank} is above every layer that it is for: they have at most {max(sizes)} inputs or outputs. "
                f"Give --rank {max(sizes)} or less."
            )
        elif small:
            notes.append(
                f"rank {rank} is above {len(small)} of the {len(sizes)} layers that it is for (the smallest has "
                f"{min(small)} inputs or outputs): they get an update of full rank"
            )
    return faults, notes


def _is_product(run: Run) -> bool:
    target = load_target(load_registry().get("method", run.settings["method"]))
    return run.settings["rank"] is not None and {"rank", "alpha", "target_modules"} <= set(
        inspect.signature(target).parameters
    )


def _find_hits(run: Run, base: Base) -> dict[str, tuple[int, int]]:
    """The layers that a run's adapter is for, with their sizes."""
    targets, layers = run.settings["target_modules"], base.list_layers()
    if targets == "all-linear":
        linear = set(base.list_modules())
        return {path: shape for path, shape in layers.items() if path in linear}
    targets = set(targets)
    ends = tuple(f".{target}" for target in targets)
    return {path: shape for path, shape in layers.items() if path in targets or path.endswith(ends)}
