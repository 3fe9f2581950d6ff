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
from lorafair.plugin_contract import CONTRACTS, find_mismatches
from lorafair.plugin_guard import Faulty, NotChecked, call_plugin, find_missing_extra, show_path
from lorafair.plugin_trial import TRIALS
from lorafair.registry import Entry, load_target

LIMIT = 60.0
"""Seconds that one trial may take."""


@dataclass
class Finding:
    """What a check found of one plugin.

    ``place`` is where it is defined (``file:line``); ``faults`` complete the sentence "the scorer …"; ``skipped`` says
    why (the rest of) it was not checked; ``notes`` are worth knowing and no faults.
    """

    entry: Entry
    place: str
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str | None = None

    @property
    def state(self) -> str:
        """``fault``, ``not checked`` or ``ok``."""
        return "fault" if self.faults else "not checked" if self.skipped else "ok"


def check_plugins(entries: Iterable[Entry], limit: float = LIMIT) -> Iterator[Finding]:
    """Check each entry, one after the other; whatever a plugin does, the others are checked too.

    Runs the plugins' code in this process, and tells the Hub's clients to stay offline while they are first imported:
    meant for a process of its own, as ``lorafair plugins check`` is.

    Args:
        limit: seconds for one trial.
    """
    seen: set[Path] = set()
    for entry in entries:
        finding = Finding(entry, _declared(entry))
        call = functools.partial(call_plugin, entry, limit=limit)
        try:
            if entry.kind == "task":
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
        yield finding


def _check_target(finding: Finding, call: Callable[[Callable[[], Any]], Any]) -> None:
    entry = finding.entry
    if entry.target is None:
        finding.notes.append("a declaration without code")
        return
    target = call(functools.partial(_load, entry))
    finding.place = find_definition(target) or finding.place
    finding.faults += find_mismatches(CONTRACTS[entry.kind], target)
    if finding.faults:
        return
    if not inspect.getdoc(target):
        finding.notes.append("has no docstring")
    if entry.kind not in TRIALS:
        finding.notes.append("signature only")
        return
    faults, notes = TRIALS[entry.kind](entry, target, call)
    finding.faults += faults
    finding.notes += notes


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
