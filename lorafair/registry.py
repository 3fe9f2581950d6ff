"""What there is: every task, data set, scorer, metric, method, trainer, objective, probe, engine, model and so on.

Built-ins stand in ``registry.yaml``, other distributions declare theirs by entry points, a user's own ``registry.yaml``
adds to both (:mod:`lorafair.registry_layer`); all resolve to the same ``module:attribute``, imported only by
:func:`load_target`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.resources
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lorafair import __version__
from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry_dataset import find_dataset_faults
from lorafair.registry_file import KINDS, LOCAL, TYPES, Entry, read_entries
from lorafair.registry_group import find_mapping_faults
from lorafair.registry_layer import (
    describe_origin,
    find_local_file,
    find_local_folder,
    find_undeclared,
    lay_over,
    open_folder,
    read_local_file,
    tell_replacement,
)
from lorafair.registry_point import find_entry_points, read_entry_points

__all__ = ["KINDS", "Entry", "Registry", "load_registry", "load_target", "read_field"]


class Registry:
    """The declared names, by kind (singular: ``task``, ``dataset``, ``scorer``, …).

    ``note`` says what was left out and why: the working folder's registry file, other distributions' entry points; it
    is empty otherwise.
    """

    def __init__(self, entries: Iterable[Entry], note: str = "") -> None:
        self.note = note
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
                f"`lorafair plugins list --kind {kind}` shows all of them.{f' ({self.note})' if self.note else ''}"
            )
        tell_replacement(entries[name])
        return entries[name]

    def find(self, name: str, kind: str | None = None) -> list[Entry]:
        """Every entry of that name, one kind after the other; of one kind where it is given.

        Raises:
            LorafairError: with the closest names if there is none.
        """
        if kind is not None:
            return [self.get(kind, name)]
        found = [self._entries[each][name] for each in KINDS if name in self._entries[each]]
        if not found:
            known = {known for names in self._entries.values() for known in names}
            note = f" ({self.note})" if self.note else ""
            raise LorafairError(
                f"Nothing is named {name!r}.{did_you_mean(name, known)} `lorafair plugins list` shows all names.{note}"
            )
        return found

    def _of_kind(self, kind: str) -> dict[str, Entry]:
        if kind not in self._entries:
            raise LorafairError(f"There is no kind {kind!r} in the registry.{did_you_mean(kind, KINDS)}")
        return self._entries[kind]


def load_registry() -> Registry:
    """Read the built-in registry, all entry points and the user's own registry file; no plugin is imported.

    Read once per process and per state of the user's file.

    Raises:
        LorafairError: with every fault at once: unknown sections and keys, missing or badly formed targets, missing
            descriptions, names given twice or claimed by two distributions, data sets that nobody declares.
    """
    local, asked = find_local_file()
    try:
        state = local.stat() if local else None
    except OSError:  # it went since it was found; reading it tells
        state = None
    return _read_registry(local, asked, (state.st_mtime_ns, state.st_size) if state else None)


@functools.lru_cache(maxsize=8)
def _read_registry(local: Path | None, asked: bool, state: tuple[int, int] | None) -> Registry:
    path = importlib.resources.files("lorafair") / "registry.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LorafairError(
            f"The registry {path} cannot be read ({error}). Reinstall lorafair, or in a clone restore the symbolic "
            "link lorafair/registry.yaml -> ../registry.yaml: `git checkout -- lorafair/registry.yaml registry.yaml`."
        ) from error
    own, note = read_local_file(local, asked) if local else (None, "")
    return build_registry(text, str(path), find_entry_points(), (own, str(local)) if own is not None else None, note)


load_registry.cache_clear = _read_registry.cache_clear  # type: ignore[attr-defined]  # for what is installed meanwhile


def build_registry(
    text: str,
    file: str,
    points: Iterable[importlib.metadata.EntryPoint],
    local: tuple[str, str] | None = None,
    note: str = "",
) -> Registry:
    """A registry from the text of the built-in file, from entry points, and from a user's own (text, file).

    An entry point that cannot be read is left out and told in the registry's ``note``: what else is installed must not
    stop a command that does not ask for it.

    Raises:
        LorafairError: with all faults of the files, and the names that two of them claim.
    """
    built_in, faults = read_entries(text, file, "lorafair", __version__)
    declared, more = read_entry_points(points)
    own, wrong = read_entries(*local, LOCAL, "") if local else ([], [])
    entries, clashes = lay_over([*built_in, *declared], own)
    senseless = [*find_undeclared(entries), *find_dataset_faults(entries), *find_mapping_faults(entries)]
    if others := [*faults, *wrong, *clashes, *senseless]:
        raise_faults("The registry has faults", [*more, *others])
    return Registry(entries, " ".join(filter(None, [note, *(f"Left out: {fault}" for fault in more)])))


def load_target(entry: Entry) -> Any:
    """Import what an entry's target names: the attribute of ``module:attribute``, or a task's package.

    For an entry of the user's own registry file, the folder of that file is put at the end of ``sys.path`` first.

    Raises:
        LorafairError: if the entry has no target, or importing it fails for whatever reason; the message names kind,
            name, target, distribution and the original error, which stays attached as the cause.
    """
    if entry.target is None:
        raise LorafairError(
            f"The {entry.kind} {entry.name!r} of {entry.origin} has no target: there is no code to load"
        )
    module, _, attribute = entry.target.partition(":")
    folder = find_local_folder(entry)
    try:
        if folder:
            open_folder(folder, module)
        found: Any = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            found = getattr(found, part)
    except LorafairError:
        raise
    except (Exception, SystemExit) as error:  # a module may do anything while it is imported
        place = f"{entry.file}{f':{entry.line}' if entry.line else ''}"
        origin = describe_origin(entry) if folder else f"the distribution {describe_origin(entry)}"
        searched = f" Modules are looked for among the installed ones, then in {folder}." if folder else ""
        raise LorafairError(
            f"The {entry.kind} {entry.name!r} ({entry.target}, from {origin}) cannot be loaded: "
            f"{type(error).__name__}: {error}. Install what it needs, or mend the target in {place}.{searched}"
        ) from error
    return found


def read_field(entry: Entry, key: str, default: Any = None, target: Any = None) -> Any:
    """What a plugin says of itself under ``key`` (``higher_is_better``, ``row_additive``, ``version``, …).

    The registry's declaration comes first; a target without one, as every entry point's, is imported and asked for an
    attribute of that name.

    Args:
        default: the answer where it says nothing.
        target: what :func:`load_target` gave, where the caller has it already.

    Raises:
        LorafairError: if the target cannot be loaded, or the attribute is not of the key's type.
    """
    if key in entry.fields:
        return entry.fields[key]
    if entry.target is None or entry.kind == "task":
        return default
    return check_field(entry, key, getattr(load_target(entry) if target is None else target, key, default), default)


def check_field(entry: Entry, key: str, value: Any, default: Any = None) -> Any:
    """``value``, what a target carries as its attribute ``key``, if it is ``default`` or of the key's type.

    Raises:
        LorafairError: if it is of another type.
    """
    form = TYPES.get(key, object)
    if value is not default and not isinstance(value, (list, tuple) if form is list else form):
        raise LorafairError(
            f"The {entry.kind} {entry.name!r} ({entry.target}, from {describe_origin(entry)}): its attribute `{key}` "
            f"is a {TYPES[key].__name__}, not {value!r}."
        )
    return value
