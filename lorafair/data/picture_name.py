"""A folder of pictures whose names hold their labels, read as a table of names; no picture is opened."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.provenance import hash_file

KIND = "pictures"
"""The ``format:`` of a folder of pictures."""
FILE = "file"
"""The column that holds a picture's path below the folder."""
OTHER, EMPTY, OUTSIDE = "another name", "an empty file", "a link out of the folder"


@dataclass(frozen=True)
class Pictures:
    """``rows``: ``file`` and the named groups of the pattern, sorted by file; ``remarks`` count every other name."""

    rows: list[dict[str, str]]
    remarks: list[str]


def read_pictures(folder: Path, facts: Mapping[str, Any]) -> tuple[Pictures, list[str]]:
    """The pictures below a folder whose names fit, how many do not, by kind, and faults.

    A file whose name does not fit ``pattern`` is left out, and so is an empty one, and a link that leads out of the
    folder.  A name of a kind of ``odd`` is counted whether it fits or not: so names that are slightly wrong and can be
    read all the same are tolerated, and told.  Hidden files are passed over.

    Args:
        folder: whose sub-folders are read too.
        facts: ``pattern``, a regular expression of the whole name, its named groups the columns; ``odd``, kind ->
            regular expression of names, of which the first that fits counts.
    """
    pattern = re.compile(str(facts.get("pattern", ".*")))
    kinds = {str(kind): re.compile(str(each)) for kind, each in (facts.get("odd") or {}).items()}
    rows: list[dict[str, str]] = []
    counted: dict[tuple[bool, str], list[str]] = {}
    try:
        for name, size, inside in _walk(folder):
            base = name.rpartition("/")[2]
            found = pattern.fullmatch(base)
            kind = next((kind for kind, each in kinds.items() if each.fullmatch(base)), None)
            kept = found is not None and inside and size > 0
            if not inside or not size:
                kind = EMPTY if inside else OUTSIDE
            if kind or not kept:
                counted.setdefault((kept, kind or OTHER), []).append(name)
            if found is not None and kept:
                rows.append({FILE: name, **{key: value or "" for key, value in found.groupdict().items()}})
    except OSError as error:
        return Pictures([], []), [f"{folder}: cannot be read ({error.strerror or error})."]
    return Pictures(rows, [_tell(kept, kind, names) for (kept, kind), names in sorted(counted.items())]), []


def hash_content(path: Path) -> str:
    """SHA-256 of a file's content; of a folder of pictures that of its files' names and sizes, which opens none.

    Raises:
        LorafairError: if it cannot be read.
    """
    if not path.is_dir():
        return hash_file(path)
    digest = hashlib.sha256()
    for name, size, _ in _walk(path):
        digest.update(f"{name}\0{size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def list_columns(facts: Mapping[str, Any]) -> list[str]:
    """The columns of a folder of pictures: ``file`` and the named groups of the pattern."""
    return [FILE, *re.compile(str(facts.get("pattern", ".*"))).groupindex]


def _walk(folder: Path) -> Iterator[tuple[str, int, bool]]:
    """(path below the folder, size, whether it lies in the folder) of each file that is not hidden, sorted by path."""

    def fail(error: OSError) -> None:
        raise error

    names = []
    for place, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [each for each in folders if not each.startswith(".")]
        names += [os.path.join(place, each) for each in files if not each.startswith(".")]
    root = folder.resolve()
    for name in sorted(names):
        inside = not os.path.islink(name) or Path(name).resolve().is_relative_to(root)
        size = os.stat(name).st_size if inside and os.path.isfile(name) else 0
        yield os.path.relpath(name, folder).replace(os.sep, "/"), size, inside


def _tell(kept: bool, kind: str, names: list[str]) -> str:
    shown = names[0].encode("utf-8", "backslashreplace").decode()
    return f"{len(names)} of the files {'kept' if kept else 'left out'}: {kind} (as {shown[:80]!r})"
