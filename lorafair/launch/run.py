"""The steps of an audit on a cluster: everything but the report, which the driver writes as without one."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lorafair.errors import LorafairError, raise_faults
from lorafair.launch.cluster import ABSENT, is_ray_here, open_cluster, read_address
from lorafair.launch.driver import Driver
from lorafair.launch.need import find_unmet
from lorafair.launch.progress import LaunchProgress
from lorafair.launch.shard import take_shard
from lorafair.launch.task import Task, outline_tasks, plan_tasks
from lorafair.launch.work import PASSED, Context, Report, write_token

if TYPE_CHECKING:
    from lorafair.audit.facts import Facts
    from lorafair.audit.recipe import Recipe
    from lorafair.audit.run import Outcome
    from lorafair.audit.sweep import Sweep


@dataclass(frozen=True)
class Launch:
    """Where tasks go: the cluster at ``address`` (``auto``, host:port), or None for one of this machine alone."""

    address: str | None = None

    @classmethod
    def choose(cls, launcher: str, address: str | None, *, needed: bool = True) -> Launch | None:
        """The launch of a command line, None where everything is done here.

        Args:
            needed: whether Ray has to be installed.

        Raises:
            LorafairError: for an address without the launcher that has one, one that is none, and without Ray.
        """
        if launcher == "local":
            if address is not None:
                raise LorafairError("--ray-address is about --launcher ray: give both, or neither.")
            return None
        read_address(address)
        if needed and not is_ray_here():
            raise LorafairError(ABSENT)
        return cls(address)


def launch_steps(
    recipe: Recipe,
    sweeps: Sequence[Sweep],
    facts: Facts,
    out: Path,
    steps: Collection[str],
    launch: Launch,
    outcome: Outcome,
    say: Callable[[str], None],
) -> None:
    """Train, evaluate and probe as tasks of a cluster; what is left out on the way goes to ``outcome``.

    Args:
        out: the audit's folder, held by the caller and without leftovers of shards, which all nodes see under its name.
        steps: some of ``train``, ``eval`` and ``probe``.

    Raises:
        LorafairError: before anything is begun: Ray is missing, nobody is at the address, a task needs more than any
            node has, a folder holds another run; at the end: with the faults of all tasks.  What was finished is kept.
        KeyboardInterrupt: after Ctrl-C, when the running tasks have been taken back.
    """
    _check_folder(recipe, sweeps, facts, out, steps, say)
    tasks = plan_tasks(recipe, sweeps, facts, out, steps)
    if not tasks:
        return
    shutil.rmtree(out / ".launch" / "notes", ignore_errors=True)
    token = secrets.token_hex(16)
    _write(out, token)
    context = describe_driver(facts, out, token)
    asked = stored = 0
    data: dict[int, str] = {}

    def take(task: Task, report: Report) -> None:
        nonlocal asked, stored
        check_data(task, data)
        outcome.failed += [why for why in report.failed if why not in outcome.failed]
        if task.kind == "eval":
            take_shard(task.plans[0].out, out / "results" / task.base, whole=True)
            asked, stored = asked + report.asked, stored + report.stored

    try:
        with open_cluster(launch.address) as cluster:
            nodes = cluster.list_nodes()
            tasks = [replace(task, need=task.need.settle(nodes)) for task in tasks]
            raise_faults("The cluster cannot do this", find_unmet(((task.kind, task.need) for task in tasks), nodes))
            say(f"{len(tasks)} tasks for {len(nodes)} nodes: {'; '.join(str(node) for node in nodes)}")
            with LaunchProgress(len(tasks)) as progress:
                Driver(tasks, cluster, context, progress, take, recipe.launcher.retries).run()
    finally:
        if asked or stored:
            say(f"{asked} requests asked, {stored} were stored already")
    shutil.rmtree(out / ".launch", ignore_errors=True)


def outline_launch(recipe: Recipe, sweeps: Sequence[Sweep], facts: Facts, out: Path, only: Collection[str] = ()) -> str:
    """The plan's lines about tasks and their needs; no cluster is asked."""
    from lorafair.audit.run import STEPS

    lines = outline_tasks(plan_tasks(recipe, sweeps, facts, out, [step for step in STEPS if not only or step in only]))
    if not is_ray_here():
        lines.append(f"  {ABSENT}")
    return "\n".join(lines)


def describe_driver(facts: Facts, out: Path, token: str) -> Context:
    """What every task is told of the driver: where it stands, what it is called with, what it sees."""
    from lorafair.provenance import read_versions

    return Context(
        here=Path.cwd(),
        out=out,
        token=token,
        command=tuple(sys.argv),
        environment={key: value for key, value in os.environ.items() if key.startswith(PASSED)},
        versions=read_versions(),
        hashes={name: base.hash for name, base in facts.bases.items() if base is not None},
    )


def check_data(task: Task, known: dict[int, str]) -> None:
    """Hold that runs of one sweep were trained on the same data, which nodes may have found in different places.

    Args:
        known: id of a sweep's plan -> hash of the data of its first run; filled here.

    Raises:
        LorafairError: naming a run that was trained on other data.
    """
    from lorafair.run_folder import read_inputs

    for plan in task.plans if task.kind == "train" else ():
        for name in task.runs:
            inputs = read_inputs(plan.out / name / "provenance.json")
            if inputs is not None and known.setdefault(id(plan), str(inputs["data"])) != str(inputs["data"]):
                raise LorafairError(
                    f"{plan.out / name} was trained on other data than the runs beside it: the nodes do not find the "
                    f"same {plan.data}. Share it, remove {plan.out / name}, and give the same command again."
                )


def _check_folder(
    recipe: Recipe,
    sweeps: Sequence[Sweep],
    facts: Facts,
    out: Path,
    steps: Collection[str],
    say: Callable[[str], None],
) -> None:
    """What the local launcher would refuse about the folder is refused here, before a task is begun."""
    from lorafair.result_file import check_same_base
    from lorafair.training import train_runs

    for sweep in sweeps if "train" in steps else ():
        there = {run.name for run in sweep.runs if (sweep.plan.out / run.name).exists()}
        if there and not sweep.plan.overwrite:
            train_runs(sweep.plan, say, there)  # trains none of them: says so, or that another run lies there
    for name, base in facts.bases.items():
        if base is not None:
            check_same_base(out / "results" / name, base.hash, recipe.bases[name])


def _write(out: Path, token: str) -> None:
    try:
        write_token(out, token)
    except OSError as error:
        raise LorafairError(f"{out} cannot be written: {error.strerror}. Give another --out.") from error
