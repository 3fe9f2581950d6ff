"""The layers of the registry: the built-ins, what distributions declare, and a user's own registry file over them.

A user's own file is ``registry.yaml`` in the working folder, or what ``LORAFAIR_REGISTRY`` names: a file, or a folder
that holds a ``registry.yaml``; empty, it means none.  A file that is merely found is taken for ours only if it has a
line that begins with ``schema:`` and one that begins with a section such as ``scorers:``; another program's
``registry.yaml`` is left alone.
"""

from __future__ import annotations

import importlib
import importlib.resources
import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from lorafair.errors import LorafairError, did_you_mean
from lorafair.registry_file import KINDS, LOCAL, Entry

VARIABLE = "LORAFAIR_REGISTRY"
OURS = (re.compile(r"^schema\s*:", re.M), re.compile(rf"^({'|'.join(KINDS)})s\s*:", re.M))


def find_local_file() -> tuple[Path | None, bool]:
    """The user's own registry file, or None, and whether ``LORAFAIR_REGISTRY`` asks for it.

    The project's own ``registry.yaml``, in a clone of it, is no file of the user's.

    Raises:
        LorafairError: if ``LORAFAIR_REGISTRY`` names something that is not there.
    """
    given = os.environ.get(VARIABLE)
    try:
        path = Path(given).expanduser().absolute() if given else Path.cwd() / "registry.yaml"
    except OSError:  # the working folder is gone
        return None, False
    if given is not None and not given.strip():
        return None, False
    if given and path.is_dir():
        path = path / "registry.yaml"
    if not path.is_file():
        if given:
            raise LorafairError(f"{VARIABLE} names {path}, which is no file. Set it to a registry file, or unset it.")
        return None, False
    return None if _is_built_in(path) else path, bool(given)


def read_local_file(path: Path, asked: bool) -> tuple[str | None, str]:
    """(text, ""), or (None, why) for a file that nobody asked for and that looks like another program's.

    Raises:
        LorafairError: if it is asked for and cannot be read as text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        if asked:
            raise LorafairError(
                f"The registry {path} cannot be read ({error}). Mend it, or unset {VARIABLE}."
            ) from error
        return None, f"{path} is not read: {error}."
    if asked or all(pattern.search(text) for pattern in OURS):
        return text, ""
    return None, (
        f"{path} is not read: it has no line `schema: 1` beside a section such as `scorers:`, so it is taken for "
        "another program's."
    )


def lay_over(shipped: Iterable[Entry], local: Iterable[Entry]) -> tuple[list[Entry], list[str]]:
    """The entries of distributions with the user's own over them, and one sentence per name that two of them claim.

    A user's entry takes the place of a distribution's of that kind and name only if it says ``replace: true``; it also
    decides between two distributions that claim the name.
    """
    known, own = list(shipped), list(local)
    taken = {(entry.kind, entry.name): entry for entry in known}
    replaced = {(entry.kind, entry.name) for entry in own if entry.fields.get("replace")}
    left = [entry for entry in known if (entry.kind, entry.name) not in replaced]
    faults = find_clashes(left)
    for entry in own:
        key, place = (entry.kind, entry.name), f"{entry.file}:{entry.line}: {entry.kind} {entry.name!r}"
        if key in taken and key not in replaced:
            faults.append(
                f"{place} is there already, from {describe_origin(taken[key])}. Choose another name, or add "
                "`replace: true` to put yours in its place."
            )
        elif key in replaced and key not in taken:
            names = [name for kind, name in taken if kind == entry.kind]
            faults.append(
                f"{place} replaces nothing: nobody else declares it.{did_you_mean(entry.name, names)} Mend the name, "
                "or leave out `replace: true`."
            )
    return [*left, *own], faults


def find_clashes(entries: Iterable[Entry]) -> list[str]:
    """One sentence per name of a kind that two distributions claim."""
    faults: list[str] = []
    known: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        first = known.setdefault((entry.kind, entry.name), entry)
        if first is not entry and first.origin == entry.origin and not entry.line:
            faults.append(f"{entry.file}: {entry.kind} {entry.name!r} is declared twice. Ask its authors to keep one.")
        elif first.origin != entry.origin:
            faults.append(
                f"{entry.kind} {entry.name!r} is claimed by {first.origin} ({first.file}:{first.line}) and by "
                f"{entry.origin} ({entry.file}). Uninstall one: `pip uninstall {entry.origin}`; or declare the one "
                "that you want in a registry.yaml of your own, with `replace: true`."
            )
    return faults


def find_undeclared(entries: Iterable[Entry]) -> list[str]:
    """One sentence per data set that an entry names under ``datasets:`` and nobody declares."""
    known = list(entries)
    datasets = [entry.name for entry in known if entry.kind == "dataset"]
    return [
        f"{entry.file}:{entry.line}: {entry.kind} {entry.name!r} names an unknown data set {name!r}."
        + did_you_mean(str(name), datasets)
        for entry in known
        for name in entry.fields.get("datasets", ())
        if name not in datasets
    ]


def describe_origin(entry: Entry) -> str:
    """Who declares an entry, for messages: distribution and version, or the user's own registry file."""
    return f"your own {entry.file}" if entry.origin == LOCAL else f"{entry.origin} {entry.version}".strip()


_TOLD: set[tuple[str, str, str]] = set()


def tell_replacement(entry: Entry) -> None:
    """Say once, on standard error, that a merely found registry file's entry is asked for in another's place."""
    key = (entry.kind, entry.name, entry.file)
    if entry.origin == LOCAL and entry.fields.get("replace") and not os.environ.get(VARIABLE) and key not in _TOLD:
        _TOLD.add(key)
        print(
            f"The {entry.kind} {entry.name!r} is that of {entry.file}, which replaces another "
            f"({VARIABLE}= leaves that file out).",
            file=sys.stderr,
        )


def find_local_folder(entry: Entry) -> Path | None:
    """The folder of the registry file that declares an entry, if that is the user's own; targets are found there."""
    return Path(entry.file).parent if entry.origin == LOCAL else None


def open_folder(folder: Path, module: str = "") -> None:
    """Let ``module`` of a local registry's folder be imported: put the folder at the end of ``sys.path``.

    Raises:
        LorafairError: if another module of that name would be found first.
    """
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    first = module.partition(".")[0]
    here = [place for place in (folder / f"{first}.py", folder / first) if first and place.exists()]
    spec = importlib.util.find_spec(first) if here else None
    places = [str(place) for place in (spec.origin, *(spec.submodule_search_locations or ())) if place] if spec else []
    if places and not any(Path(place).is_relative_to(folder) for place in places):
        raise LorafairError(
            f"{here[0]} is hidden by another module that is called {first!r} ({places[0]}). Rename yours, and the "
            "target in your registry."
        )


def _is_built_in(path: Path) -> bool:
    """Whether it is the registry of the lorafair that runs, or of a clone of the project (which links to it)."""
    real = path.resolve()
    ours = Path(str(importlib.resources.files("lorafair") / "registry.yaml"))
    return any(each.is_file() and each.samefile(real) for each in (ours, real.parent / "lorafair" / "registry.yaml"))
