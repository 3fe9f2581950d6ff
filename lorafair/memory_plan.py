"""``--max-memory``: the passes that a step is cut into, so that a run's peak stays below a size.

What is minimised stays the same: the gradient of a step is that of its whole batch, taken in several passes, and
gradient checkpointing computes activations twice.  Only rounding differs.  The prediction is
:mod:`lorafair.audit.estimate`'s, and may fill :data:`FILLED` of the size.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError, raise_faults
from lorafair.rate import AUTO

if TYPE_CHECKING:
    from lorafair.audit.estimate import Shape
    from lorafair.checkpoint import Checkpoint
    from lorafair.plan import Plan, Run

UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
FILLED = 0.85
"""Share of the size that a prediction may fill: what is measured may be above it."""
UNSPLIT = ("adalora",)
"""Methods whose step cannot be cut: AdaLoRA adds a penalty to the loss of every pass."""

MEND = "Give more, a smaller --max-length or --rank, --method lora instead of full, or --dtype bfloat16"


@dataclass(frozen=True)
class Fit:
    """How a run is trained within a size.

    ``predicted``: peak bytes of one process; ``micro_batch``: examples that it takes at a time; ``passes`` of a step.
    """

    limit: str
    predicted: int
    micro_batch: int
    passes: int
    gradient_checkpointing: bool

    def describe(self) -> dict[str, Any]:
        """For the provenance."""
        return {
            "max_memory": self.limit,
            "predicted_bytes": self.predicted,
            "micro_batch": self.micro_batch,
            "passes": self.passes,
            "gradient_checkpointing": self.gradient_checkpointing,
        }

    def tell(self) -> str:
        """In one line, without the run's name."""
        how = (
            "each step in one pass" if self.passes == 1 else f"each step in {self.passes} passes of {self.micro_batch}"
        )
        more = ", with gradient checkpointing" if self.gradient_checkpointing else ""
        return f"{how}{more}: {self.predicted / 1e9:.2f} GB predicted, of --max-memory {self.limit}"


def read_bytes(text: str) -> int:
    """Bytes of a size with its unit, ``8GB`` or ``500 MiB``.

    Raises:
        LorafairError: for anything else; a number alone is not guessed at.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    unit = next((name for name in UNITS if found and name.lower() == found[2].lower()), None)
    if found is None or unit is None or float(found[1]) <= 0:
        raise LorafairError(f"--max-memory {text} is no size. Write a number and its unit ({', '.join(UNITS)}): 8GB.")
    return int(float(found[1]) * UNITS[unit])


def find_memory_faults(plan: Plan) -> list[str]:
    """The fault of a plan's ``max_memory``, if it has one."""
    try:
        if plan.max_memory is not None:
            read_bytes(str(plan.max_memory))
    except LorafairError as error:
        return [str(error)]
    return []


def fit_runs(plan: Plan, runs: Sequence[Run], found: Checkpoint, data: Any) -> dict[str, Fit]:
    """How each run is trained below ``plan.max_memory``; empty where that is not given.

    Args:
        runs: those that are still to be trained, in their order.
        found: the base.
        data: as the trainer gets them.

    Raises:
        LorafairError: with every run whose smallest prediction is above the size.
    """
    if plan.max_memory is None:
        return {}
    from lorafair.audit.estimate import measure_rows, read_shape

    shape, head = read_shape(found), getattr(data, "head", None) is not None
    _, longest, _ = measure_rows(found, data.rows)
    raise_faults(f"Nothing was trained. {MEND}", find_too_large(plan, runs, shape, longest, head))
    return {run.name: fit for run in runs if (fit := choose_fit(plan, run, shape, longest, runs, head)[0]) is not None}


def find_too_large(plan: Plan, runs: Sequence[Run], shape: Shape, longest: int, head: bool) -> list[str]:
    """A sentence per run that is predicted to need more than ``plan.max_memory`` whatever is done."""
    found = [(run, *choose_fit(plan, run, shape, longest, runs, head)) for run in runs if plan.max_memory is not None]
    return [
        f"{run.name}: {least / 1e9:.2f} GB predicted at least, above {FILLED:.0%} of --max-memory {plan.max_memory}."
        for run, fit, least in found
        if fit is None
    ]


def choose_fit(
    plan: Plan, run: Run, shape: Shape, longest: int, runs: Sequence[Run], head: bool
) -> tuple[Fit | None, float]:
    """(the first way of :func:`list_ways` below the size or None, its prediction or the least, in bytes).

    Args:
        longest: tokens of the longest text.
        runs: of the sweep; the base is kept clean for those that follow.
        head: whether the model ends in a classification head.
    """
    from lorafair.audit.estimate import estimate_memory
    from lorafair.process import count_processes

    assert plan.max_memory is not None
    limit, least = FILLED * read_bytes(plan.max_memory), float("inf")
    longest = run.settings["max_length"] if is_packed(run) else longest
    last = run is runs[-1] and run.settings["lr"] != AUTO
    for micro_batch, checkpointing in list_ways(plan, run):
        amount = estimate_memory(
            shape, run, longest, last=last, head=head, micro_batch=micro_batch, checkpointing=checkpointing
        )
        least = min(least, amount)
        if amount < limit:
            passes = run.settings["batch_size"] // count_processes() // micro_batch
            return Fit(plan.max_memory, int(amount), micro_batch, passes, checkpointing), amount
    return None, least


def list_ways(plan: Plan, run: Run) -> Iterator[tuple[int, bool]]:
    """(examples at a time, gradient checkpointing) in the order in which they are tried: larger passes come first, and
    without checkpointing before with it.

    A step is not cut for an objective, which weighs a whole batch, nor where the trainer or the method cannot.
    """
    from lorafair.process import share_batch
    from lorafair.registry import load_registry, load_target

    takes = inspect.signature(load_target(load_registry().get("trainer", run.settings["trainer"]))).parameters
    share = share_batch(run.settings["batch_size"])
    whole = "micro_batch" not in takes or run.settings["method"] in UNSPLIT or bool(run.settings.get("objective"))
    sizes = [share] if whole else [size for size in range(share, 0, -1) if share % size == 0]
    for checkpointing in (False, True):
        if checkpointing and "gradient_checkpointing" not in takes or plan.gradient_checkpointing and not checkpointing:
            continue
        yield from ((size, checkpointing) for size in sizes)


def apply_fit(plan: Plan, fit: Fit | None) -> Plan:
    """The plan of one run with what was chosen for it."""
    if fit is None:
        return plan
    cut = fit.micro_batch if fit.passes > 1 else None
    return replace(plan, micro_batch=cut, gradient_checkpointing=fit.gradient_checkpointing)


def is_packed(run: Run) -> bool:
    """Whether texts are put together up to ``max_length``."""
    return run.settings["trainer"] == "lm" and bool((run.settings.get("trainer_options") or {}).get("packing", True))
