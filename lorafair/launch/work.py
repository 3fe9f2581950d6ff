"""What a node does: one task in a process of its own, on the audit's shared folder.

The core's own functions do the work, as they do without a launcher; here it is seen to that they find the same files,
versions and base as the driver, that a task is done by one process at a time, and that the driver hears of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError

if TYPE_CHECKING:
    from lorafair.launch.task import Task

PATIENCE = 60.0
"""Seconds that a shared folder gets to show what another machine wrote, or a process that lost its task to end."""
PASSED = ("LORAFAIR_", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
"""Beginnings of the names of environment variables that a node takes from the driver; tokens are not among them."""


@dataclass(frozen=True)
class Context:
    """What all tasks of one driver share.

    ``here``: the folder where the command was given; ``out``: the audit's folder, relative to it or absolute;
    ``token``: what the driver wrote there; ``hashes``: base -> hash of its weights, where the driver has it;
    ``versions``: of :func:`lorafair.provenance.read_versions`.
    """

    here: Path
    out: Path
    token: str
    command: tuple[str, ...]
    environment: dict[str, str]
    versions: dict[str, str]
    hashes: dict[str, str]


@dataclass(frozen=True)
class Report:
    """What became of a task: ``fault`` is a sentence for the user, or None; ``failed`` names what was left out.

    ``crash``: whether the fault is none that the user made, so that it may go away elsewhere.
    """

    fault: str | None = None
    crash: bool = False
    asked: int = 0
    stored: int = 0
    failed: list[str] = field(default_factory=list)


def write_token(out: Path, token: str) -> None:
    """Put the driver's mark into the audit's folder, by which a node knows that it sees the same folder."""
    folder = out / ".launch"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".token.part"
    part.write_text(token, encoding="utf-8")
    part.replace(folder / "token")


def find_notes(out: Path, task: Task) -> Path:
    """The file in which a task says what it does, a JSON list per line: the kind of the line, and its text."""
    return out / ".launch" / "notes" / f"{task.slug}.jsonl"


def do_task(task: Task, context: Context, node: str, host: str, attempt: int) -> Report:
    """Do one task, in the process of a node; it goes on where an earlier attempt was.

    Args:
        node, host: the cluster's id of this machine, and the name that is shown of it.
        attempt: 0 for the first.

    Returns:
        What became of it; a fault is told and not raised, so that the driver can collect them all.
    """
    try:
        _come_in(context, host)
        with _hold(context.out, task):
            notes = find_notes(context.out, task)
            notes.parent.mkdir(parents=True, exist_ok=True)
            _note(notes, "start", node, host, os.getpid())
            _wait_for(task.reads, host)
            _check_base(task, context, host)
            return DO[task.kind](task, attempt, lambda line: _note(notes, "say", line))
    except LorafairError as error:
        return Report(fault=str(error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return Report(fault=f"{type(error).__name__}: {error} ({where}, on {host})", crash=True)


def _come_in(context: Context, host: str) -> None:
    """Stand where the driver stands, and see that it is the same place."""
    from lorafair.provenance import read_versions

    for name in [name for name in os.environ if name.startswith(PASSED)]:
        os.environ.pop(name)
    os.environ.update(context.environment)
    sys.argv = list(context.command)  # a node's own arguments say nothing about the audit, and hold its password
    try:
        os.chdir(context.here)
    except OSError as error:
        raise LorafairError(
            f"{host} has no folder {context.here} ({error.strerror}): the command's folder, the recipe's models and "
            "data, and --out have to be there under the same names on every node (docs/launcher.md)."
        ) from error
    token = context.out / ".launch" / "token"
    if not _wait_until(lambda: token.is_file() and token.read_text(encoding="utf-8") == context.token):
        raise LorafairError(
            f"{host} does not see what the driver writes into {context.out}: it is another folder there. Give an --out "
            "on a file system that all nodes share."
        )
    own = read_versions()
    told = context.versions
    differs = [f"{name} {own.get(name, 'is missing')} there, {told.get(name, 'missing')} here"
               for name in sorted({*own, *told}) if own.get(name) != told.get(name)]  # fmt: skip
    if differs:
        raise LorafairError(f"{host} has other versions than the driver: {'; '.join(differs)}. Install the same.")


def _check_base(task: Task, context: Context, host: str) -> None:
    """The weights of the base are the driver's: a folder of the same name may hold others."""
    from lorafair.checkpoint import read_base

    known = context.hashes.get(task.base)
    if known is not None and read_base(task.plans[0].base).hash != known:
        raise LorafairError(
            f"The base {task.base} ({task.plans[0].base}) has other weights on {host} than on the driver. Put the same "
            "files there, or share the folder."
        )


def _wait_for(files: tuple[Path, ...], host: str) -> None:
    missing: list[Path] = []

    def look() -> bool:
        missing[:] = [path for path in files if not path.is_file()]
        return not missing

    if not _wait_until(look):
        raise LorafairError(f"{host} does not see {missing[0]}. Train it first, or share the folder with {host}.")


def _wait_until(holds: Callable[[], bool], seconds: float | None = None) -> bool:
    """Whether something holds within ``seconds`` (``PATIENCE``); a shared folder can be late."""
    end = time.monotonic() + (PATIENCE if seconds is None else seconds)
    while True:
        try:
            if holds():
                return True
        except OSError:
            pass
        if time.monotonic() >= end:
            return False
        time.sleep(0.5)


@contextmanager
def _hold(out: Path, task: Task) -> Iterator[None]:
    """Keep a second process off the task: one that lost its node's connection may still be at it for a moment."""
    folder = out / ".launch" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / task.slug, "w", encoding="utf-8") as file:

        def take() -> bool:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True

        if not _wait_until(take, 2 * PATIENCE):
            raise LorafairError(
                f"Another process still works on {task.name}, on a node that the cluster has lost. End it there, and "
                "give the same command again."
            )
        yield


def _note(path: Path, *facts: Any) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps([*facts, time.time()]) + "\n")


def _train(task: Task, attempt: int, say: Callable[[str], None]) -> Report:
    from lorafair.training import train_runs

    (plan,) = task.plans
    # What an earlier attempt of this driver left is gone on with, --no-resume or not.
    train_runs(replace(plan, resume=True) if attempt else plan, say, task.runs)
    return Report()


def _evaluate(task: Task, attempt: int, say: Callable[[str], None]) -> Report:
    from lorafair.evaluation import evaluate

    asked = stored = 0
    failed: list[str] = []
    for plan in task.plans:
        found = evaluate(plan, say)
        asked, stored = asked + found.asked, stored + found.stored
        failed += [f"{task.base}/{label}: {why}" for label, why in found.failed.items()]
        failed += [f"{column}: {why}" for column, why in found.broken.items()]
    return Report(asked=asked, stored=stored, failed=failed)


def _probe(task: Task, attempt: int, say: Callable[[str], None]) -> Report:
    from lorafair.probing import run_probe

    (plan,) = task.plans
    found = run_probe(plan, say)
    failed = [f"{task.base}/{label}: probe {plan.probe}: {why}" for label, why in found.failed.items()]
    return Report(asked=found.asked, stored=len(found.files) - found.asked, failed=failed)


DO: dict[str, Callable[[Task, int, Callable[[str], None]], Report]] = {
    "train": _train,
    "eval": _evaluate,
    "probe": _probe,
}
