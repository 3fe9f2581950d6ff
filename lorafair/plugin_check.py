"""Check plugins: import every target, hold it to the contract of its kind, try it on something tiny."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.isolation import is_built_in
from lorafair.plugin_child import check_apart
from lorafair.plugin_contract import CONTRACTS, find_mismatches
from lorafair.plugin_guard import Faulty, NotChecked, call_plugin, find_missing_extra, show_path
from lorafair.plugin_trial import TRIALS, UNTRIED
from lorafair.registry import Entry, load_target

LIMIT = 60.0
"""Seconds that one trial may take."""


@dataclass
class Finding:
    """What a check found of one plugin.

    ``place`` is where it is defined (``file:line``); ``faults`` complete the sentence "the scorer …"; ``skipped`` says
    why (the rest of) it was not checked; ``notes`` are worth knowing and no faults; ``tried`` is whether it was called.
    """

    entry: Entry
    place: str = ""
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str | None = None
    tried: bool = True

    def __post_init__(self) -> None:
        self.place = self.place or _declared(self.entry)

    @property
    def state(self) -> str:
        """``fault``, ``not checked``, ``untried`` (held to its signature only, or a declaration) or ``ok``."""
        if self.faults:
            return "fault"
        return "not checked" if self.skipped else "ok" if self.tried else "untried"


def check_plugins(entries: Iterable[Entry], limit: float = LIMIT) -> Iterator[Finding]:
    """Check each entry, one after the other; whatever a plugin does, the others are checked too.

    Built-ins run in this process, every other plugin in a process of its own (see ``plugin_child.py``).  The Hub's
    clients are told to stay offline while they are first imported: meant for a process of its own, as ``lorafair
    plugins check`` is.

    Args:
        limit: seconds for one trial.
    """
    seen: set[Path] = set()
    for entry in entries:
        finding = Finding(entry)
        if is_built_in(entry):
            check_here(finding, functools.partial(call_plugin, entry, limit=limit), seen)
        else:
            check_apart(finding, limit, seen)
        yield finding


def check_here(finding: Finding, call: Callable[[Callable[[], Any]], Any], seen: set[Path]) -> None:
    """Fill ``finding`` by a check of its entry in this process.

    Args:
        finding: of an entry that was not checked yet.
        call: runs code of the plugin; see :func:`lorafair.plugin_guard.call_plugin`.
        seen: folders of tasks that were looked through already; the task's is added.
    """
    try:
        if finding.entry.kind == "task":
            from lorafair.plugin_task import check_task

            check_task(finding, call, seen)
        else:
            _check_target(finding, call)
    except NotChecked as why:
        finding.skipped = str(why)
    except Faulty as fault:
        finding.faults.append(str(fault))
    except LorafairError as error:
        finding.faults.append(" ".join(str(error).split()))


def _check_target(finding: Finding, call: Callable[[Callable[[], Any]], Any]) -> None:
    entry = finding.entry
    if entry.target is None:
        finding.notes.append("a declaration without code")
        finding.tried = False
        return
    target = call(functools.partial(_load, entry))
    finding.place = find_definition(target) or finding.place
    finding.faults += find_mismatches(CONTRACTS[entry.kind], target)
    if finding.faults:
        return
    if not inspect.getdoc(target):
        finding.notes.append("has no docstring")
    if entry.kind not in TRIALS:
        finding.notes.append(UNTRIED)
        finding.tried = False
        return
    faults, notes = TRIALS[entry.kind](entry, target, call)
    finding.faults += faults
    finding.notes += notes
    finding.tried = UNTRIED not in notes


def _load(entry: Entry) -> Any:
    """The target; a module that cannot be imported is a fault of the plugin unless it only lacks an optional extra."""
    try:
        return load_target(entry)
    except LorafairError as error:
        if (missing := find_missing_extra(entry, error)) is not None:
            raise NotChecked(missing) from error
        raise Faulty(" ".join(str(error).split())) from error


def find_definition(target: Any) -> str | None:
    """``file:line`` of a function's or class's definition, or None where Python does not know it."""
    with contextlib.suppress(TypeError, OSError):
        found = inspect.unwrap(target) if callable(target) else target
        if not (inspect.isfunction(found) or inspect.isclass(found) or inspect.ismethod(found)):
            found = type(found)
        file = inspect.getsourcefile(found)
        return f"{show_path(Path(file))}:{inspect.getsourcelines(found)[1]}" if file else None
    return None


def _declared(entry: Entry) -> str:
    return f"{show_path(Path(entry.file))}:{entry.line}" if entry.line else entry.file
