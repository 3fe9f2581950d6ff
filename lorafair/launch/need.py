"""What a task needs of a machine: CPUs, GPUs and memory, from the audit's own plan where the recipe is silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lorafair.audit.estimate import PROCESS, estimate_memory, read_shape, tell_bytes
from lorafair.audit.facts import name_data

if TYPE_CHECKING:
    from lorafair.audit.facts import Facts
    from lorafair.audit.sweep import Sweep
    from lorafair.launch.section import Needs
    from lorafair.plan import Run

SERVING = 0.5e9
"""Bytes that asking takes beside process and weights: batches, documents, scores. Assumed, not measured."""


@dataclass(frozen=True)
class Need:
    """``cpus``, ``gpus`` (None: one where the cluster has any) and ``memory`` in bytes (None: not declared)."""

    cpus: float = 1.0
    gpus: float | None = None
    memory: int | None = None

    def settle(self, nodes: Iterable[Node]) -> Need:
        """The same need, its GPUs decided by what there is."""
        any_gpu = any(node.gpus >= 1 for node in nodes)
        return self if self.gpus is not None else replace(self, gpus=1.0 if any_gpu else 0.0)

    def fits(self, node: Node) -> bool:
        """Whether a node could hold it with nothing else on it."""
        return node.cpus >= self.cpus and node.gpus >= (self.gpus or 0) and node.memory >= (self.memory or 0)

    def __str__(self) -> str:
        gpus = "a GPU where there is one" if self.gpus is None else _count(self.gpus, "GPU")
        memory = "memory not estimated" if self.memory is None else tell_bytes(self.memory)
        return f"{_count(self.cpus, 'CPU')}, {gpus}, {memory}"


@dataclass(frozen=True)
class Node:
    """A machine of a cluster and all that it declares, taken or free; ``name`` is shown, ``id`` is the cluster's."""

    id: str
    name: str
    cpus: float
    gpus: float
    memory: float

    def __str__(self) -> str:
        return f"{self.name} ({_count(self.cpus, 'CPU')}, {_count(self.gpus, 'GPU')}, {tell_bytes(self.memory)})"


def _count(amount: float, what: str) -> str:
    return f"{amount:g} {what}" + "s" * (amount != 1)


def override(need: Need, given: Needs) -> Need:
    """What the recipe gives, over what was estimated."""
    told = {key: getattr(given, key) for key in ("cpus", "gpus", "memory")}
    return replace(need, **{key: value for key, value in told.items() if value is not None})


def need_training(sweep: Sweep, run: Run, facts: Facts, *, alone: bool = True) -> Need:
    """One CPU, and the memory that ``--dry-run`` predicts for the run (:mod:`lorafair.audit.estimate`).

    Args:
        alone: whether the process trains this run and nothing else, so that no second copy of the base is kept.
    """
    from lorafair.audit.estimate import HEADS

    found, data = facts.bases.get(sweep.base), facts.data.get(sweep.base, {}).get(name_data(sweep.plan))
    if found is None or data is None:
        return Need()
    longest = run.settings["max_length"] if sweep.plan.trainer == "lm" else data.longest
    shape, head = read_shape(found), sweep.plan.trainer in HEADS
    return Need(memory=int(estimate_memory(shape, run, longest, last=alone, head=head)))


def need_asking(base: str, facts: Facts) -> Need:
    """One CPU, and room for two copies of the base in float32: the engine's, and a full fine-tune's or the reference's.

    An upper bound for adapters of small models; the room that vLLM takes for its cache on a CPU is not in it.
    """
    found = facts.bases.get(base)
    return Need() if found is None else Need(memory=int(PROCESS + SERVING + 2 * 4 * read_shape(found).parameters))


def find_unmet(needs: Iterable[tuple[str, Need]], nodes: Sequence[Node]) -> list[str]:
    """A sentence per (kind, need) that no node of the cluster could ever meet.

    Args:
        needs: kind of task (``train``, ``eval``, ``probe``) and a need of such tasks, GPUs decided.
    """
    worst: dict[tuple[str, str], Any] = {}
    for kind, need in needs:
        if not any(need.fits(node) for node in nodes):
            worst[kind, str(need)] = None
    have = "; ".join(str(node) for node in nodes) or "no node at all"
    return [
        f"a task of {kind} needs {told}, and no node has that: {have}. Add a node, or say that it takes less: "
        f"--set launcher.{kind}.memory=…, launcher.{kind}.cpus=…, launcher.{kind}.gpus=…"
        for kind, told in worst
    ]
