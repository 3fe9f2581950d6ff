"""What there is: every task, data set, scorer, metric, method, trainer, probe, engine and model by name.

Built-ins stand in ``registry.yaml``, other distributions declare theirs by entry points; both resolve to the same
``module:attribute``, imported only by :func:`load_target`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.resources
from collections.abc import Iterable
from typing import Any

from lorafair import __version__
from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry_file import (
    KINDS,
    Entry,
    find_clashes,
    find_entry_points,
    find_undeclared,
    read_entries,
    read_entry_points,
)

__all__ = ["KINDS", "Entry", "Registry", "load_registry", "load_target"]


class Registry:
    """The declared names, by kind (singular: ``task``, ``dataset``, ``scorer``, …)."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
        for entry in entries:
            self._entries[entry.kind][entry.name] = entry

    def names(self, kind: str) -> list[str]:
        """The names of one kind, sorted. Raises LorafairError for an unknown kind."""
        return sorted(self._of_kind(kind))

    def entries(self, kind: str) -> list[Entry]:
        """The entries of one kind, sorted by name. Raises LorafairError for an unknown kind."""
        return [self._entries[kind][name] for name in self.names(kind)]

    def get(self, kind: str, name: str) -> Entry:
        """The entry of that kind and name. Raises LorafairError with the closest names if there is none."""
        entries = self._of_kind(kind)
        if name not in entries:
            raise LorafairError(
                f"There is no {kind} named {name!r}.{did_you_mean(name, entries)} "
                f"`lorafair plugins list --kind {kind}` shows all of them."
            )
        return entries[name]

    def _of_kind(self, kind: str) -> dict[str, Entry]:
        if kind not in self._entries:
            raise LorafairError(f"There is no kind {kind!r} in the registry.{did_you_mean(kind, KINDS)}")
        return self._entries[kind]


@functools.cache
def load_registry() -> Registry:
    """Read the built-in registry and all entry points, once per process; no plugin is imported.

    Raises:
        LorafairError: with every fault at once: unknown sections and keys, missing or badly formed targets, missing
            descriptions, names given twice or claimed by two distributions, data sets that nobody declares.
    """
    path = importlib.resources.files("lorafair") / "registry.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LorafairError(
            f"The registry {path} cannot be read ({error}). Reinstall lorafair, or in a clone restore the symbolic "
            "link lorafair/registry.yaml -> ../registry.yaml: `git checkout -- lorafair/registry.yaml registry.yaml`."
        ) from error
    return build_registry(text, str(path), find_entry_points())


def build_registry(text: str, file: str, points: Iterable[importlib.metadata.EntryPoint]) -> Registry:
    """A registry from the text of a registry file and from entry points; raises LorafairError with all their faults."""
    built_in, faults = read_entries(text, file, "lorafair", __version__)
    declared, more = read_entry_points(points)
    entries = [*built_in, *declared]
    raise_faults("The registry has faults", [*faults, *more, *find_clashes(entries), *find_undeclared(entries)])
    return Registry(entries)


def load_target(entry: Entry) -> Any:
    """Import what an entry's target names: the attribute of ``module:attribute``, or a task's package.

    Raises:
        LorafairError: if the entry has no target, or importing it fails for whatever reason; the message names kind,
            name, target, distribution and the original error, which stays attached as the cause.
    """
    if entry.target is None:
        raise LorafairError(
            f"The {entry.kind} {entry.name!r} of {entry.origin} has no target: there is no code to load"
        )
    module, _, attribute = entry.target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            found = getattr(found, part)
    except LorafairError:
        raise
    except Exception as error:
        raise LorafairError(
            f"The {entry.kind} {entry.name!r} ({entry.target}, from the distribution {entry.origin} {entry.version}) "
            f"cannot be loaded: {type(error).__name__}: {error}. Install what it needs, or mend the target in "
            f"{entry.file}{f':{entry.line}' if entry.line else ''}."
        ) from error
    return found
