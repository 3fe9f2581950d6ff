"""An audit as tasks that any machine of a cluster can do: which there are, what each needs, what it waits for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lorafair.launch.need import Need, need_asking, need_training, override
from lorafair.launch.shard import Shard, find_shards

if TYPE_CHECKING:
    from lorafair.audit.facts import Facts
    from lorafair.audit.recipe import Recipe
    from lorafair.audit.sweep import Sweep
    from lorafair.plan import Run

Kind = Literal["train", "eval", "probe"]


@dataclass(frozen=True)
class Task:
    """One piece of work of one process on one machine.

    ``name`` is its own and is shown; ``labels``: the checkpoints that it trains, asks or probes, as the leaderboard
    calls them; ``plans``: of the trainer, the evaluation (one per block) or the probe; ``runs``: names of the runs of
    the trainer's plan; ``after``: names of the tasks that have to be done before; ``reads``: files that those wrote.
    """

    kind: Kind
    base: str
    name: str
    need: Need
    labels: tuple[str, ...]
    plans: tuple[Any, ...]
    runs: tuple[str, ...] = ()
    after: frozenset[str] = frozenset()
    reads: tuple[Path, ...] = ()

    @property
    def slug(self) -> str:
        """The name as a file name: readable, and different for different tasks."""
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', self.name)[:80]}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


def plan_tasks(recipe: Recipe, sweeps: Sequence[Sweep], facts: Facts, out: Path, steps: Collection[str]) -> list[Task]:
    """The tasks of an audit's steps, in the order in which one machine would do them.

    A task of training is one run, or under ``lr: auto`` the runs of one cell, which share its trials.  The evaluation
    of a base begins when all of its checkpoints are trained, because all of them decide which engine answers; it is
    shared out by ``launcher.share`` checkpoints, the base with the first of them.  Evaluations that stop when decided
    compare each round of all checkpoints, and probes that know of each other's files (``beside``) share them: those
    are one task per base.

    Args:
        steps: some of ``train``, ``eval`` and ``probe``; runs that are trained already need no task of theirs.
    """
    trained = list(_plan_training(recipe, sweeps, facts)) if "train" in steps else []
    tasks = list(trained)
    for base in recipe.bases:
        after = frozenset(task.name for task in trained if task.base == base)
        reads = tuple(path / "provenance.json" for sweep in sweeps if sweep.base == base
                      for path in sweep.checkpoints().values())  # fmt: skip
        asked = replace(EMPTY, base=base, after=after, reads=reads)
        if "eval" in steps:
            tasks += _plan_evaluation(recipe, sweeps, facts, out, asked)
        if "probe" in steps:
            tasks += _plan_probes(recipe, sweeps, facts, out, asked)
    return tasks


EMPTY = Task("eval", "", "", Need(), (), ())


def _plan_training(recipe: Recipe, sweeps: Sequence[Sweep], facts: Facts) -> Iterator[Task]:
    from lorafair.rate import AUTO

    for sweep in sweeps:
        cells: dict[str, list[Run]] = {}
        for run in sweep.runs:
            if sweep.plan.overwrite or not (sweep.plan.out / run.name).exists():
                auto = run.settings["lr"] == AUTO
                cells.setdefault(run.name.removesuffix(f"-seed{run.seed}") if auto else run.name, []).append(run)
        for cell, runs in cells.items():
            needs = [need_training(sweep, run, facts, alone=run.settings["lr"] != AUTO) for run in runs]
            need = max(needs, key=lambda each: each.memory or 0)
            labels = tuple(sweep.label(run) for run in runs)
            name = f"train {sweep.base}/{'-'.join(filter(None, (cell, sweep.variant)))}"
            yield Task("train", sweep.base, name, override(need, recipe.launcher.train), labels, (sweep.plan,),
                       tuple(run.name for run in runs))  # fmt: skip


def _plan_evaluation(recipe: Recipe, sweeps: Sequence[Sweep], facts: Facts, out: Path, empty: Task) -> Iterator[Task]:
    from lorafair.audit.recipe import list_fields
    from lorafair.audit.run import list_checkpoints
    from lorafair.evaluation import EvaluationPlan

    base, results = empty.base, out / "results" / empty.base
    checkpoints = list_checkpoints(recipe, sweeps, base)
    whole = any(block.until_decided for block in recipe.eval)
    need = override(need_asking(base, facts), recipe.launcher.eval)
    for labels in share_out(checkpoints, None if whole else recipe.launcher.share) if recipe.eval else ():
        task = replace(empty, kind="eval", name=_tell(f"eval {base}", labels), need=need, labels=labels)
        shard = Shard(labels, results / "responses")
        fields = {"base": recipe.bases[base], "checkpoints": checkpoints, "shard": shard}
        fields["out"] = find_shards(out) / base / task.slug
        yield replace(task, plans=tuple(EvaluationPlan(**list_fields(block, EvaluationPlan) | fields)
                                        for block in recipe.eval))  # fmt: skip


def _plan_probes(recipe: Recipe, sweeps: Sequence[Sweep], facts: Facts, out: Path, empty: Task) -> Iterator[Task]:
    from lorafair.audit.recipe import list_fields
    from lorafair.audit.run import list_checkpoints
    from lorafair.probing import ProbePlan, find_probe

    base = empty.base
    checkpoints = list_checkpoints(recipe, sweeps, base)
    need = override(need_asking(base, facts), recipe.launcher.probe)
    for number, probe in enumerate(recipe.probes):
        whole = getattr(find_probe(probe.name, probe.settings)[1], "beside", None) is not None
        # Two probes of one name write one file: the later one waits for the earlier.
        before = [each for each in range(number) if recipe.probes[each].name == probe.name]
        fields = {"tasks": (), "engine": probe.engine} | list_fields(probe, ProbePlan)
        fields |= {"base": recipe.bases[base], "checkpoints": checkpoints, "probe": probe.name}
        for labels in share_out(checkpoints, None if whole else recipe.launcher.share):
            plan = ProbePlan(**fields, out=out / "results" / base, shard=Shard(labels))
            earlier = (_tell(f"probe {each} {probe.name} {base}", labels) for each in before)
            name = _tell(f"probe {number} {probe.name} {base}", labels)
            yield replace(empty, kind="probe", name=name, need=need, labels=labels, plans=(plan,),
                          after=empty.after | frozenset(earlier))  # fmt: skip


def share_out(checkpoints: Sequence[str], size: int | None) -> list[tuple[str, ...]]:
    """Labels by shards of ``size`` checkpoints, the base in the first; all in one where ``size`` is None.

    Args:
        checkpoints: ``label=path``, or a path whose last part is the label.
    """
    labels = [spec.partition("=")[0] if "=" in spec else Path(spec).name for spec in checkpoints]
    step = max(1, len(labels)) if size is None else size
    shares = [tuple(labels[start : start + step]) for start in range(0, len(labels), step)] or [()]
    return [("base", *shares[0]), *shares[1:]]


def _tell(what: str, labels: Sequence[str]) -> str:
    own = [label for label in labels if label != "base"] or list(labels)
    first = "base, " if "base" in labels and own != ["base"] else ""
    return f"{what}/{first}{own[0]}{f' to {own[-1]}' if len(own) > 1 else ''}"


def outline_tasks(tasks: Sequence[Task]) -> list[str]:
    """A line per kind of task and need, for the plan."""
    from lorafair.audit.outline import align

    counted: dict[tuple[str, str], int] = {}
    for task in tasks:
        counted[task.kind, str(task.need)] = counted.get((task.kind, str(task.need)), 0) + 1
    rows = [["tasks", "of", "each needs"]] + [[str(n), kind, need] for (kind, need), n in counted.items()]
    return [f"Launcher ray: {len(tasks)} tasks", *(f"  {line}" for line in align(rows))] if tasks else [
        "Launcher ray: nothing is left to train, ask or probe"
    ]  # fmt: skip
