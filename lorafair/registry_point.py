"""What other distributions declare by entry points: names and targets as text, no plugin is imported."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable

from lorafair.errors import did_you_mean
from lorafair.registry_file import KINDS, UNWRITTEN, Entry, check_entry

GROUPS = {f"lorafair.{kind}s": kind for kind in KINDS if kind not in UNWRITTEN}
"""Entry-point group -> the kind that is declared there."""


def find_entry_points() -> list[importlib.metadata.EntryPoint]:
    """All entry points of installed distributions in groups ``lorafair.*``; the first of two copies of one wins.

    Reads each ``entry_points.txt`` as text and parses only those that speak of us; the answer of
    ``importlib.metadata.entry_points()`` would differ in type between Python versions.
    """
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for dist in importlib.metadata.distributions():
        if "[lorafair." in (dist.read_text("entry_points.txt") or ""):
            points = [point for point in dist.entry_points if point.group.startswith("lorafair.")]
            name = re.sub(r"[-_.]+", "-", read_header(dist)["name"]).lower()
            found.setdefault(name or f"\0nameless {len(found)}", points)
    return [point for points in found.values() for point in points]


def read_entry_points(points: Iterable[importlib.metadata.EntryPoint]) -> tuple[list[Entry], list[str]]:
    """The entries that other distributions declare through entry points ``lorafair.tasks``, ``.scorers``, ….

    Nothing is imported: an entry point's value is its target, its distribution's summary the description.  There is no
    place for fields such as ``higher_is_better``: the target carries them as attributes.
    """
    entries: list[Entry] = []
    faults: list[str] = []
    headers: dict[int, dict[str, str]] = {}
    for point in points:
        dist = point.dist
        header = headers.setdefault(id(dist), read_header(dist)) if dist else {}
        origin = header.get("name") or "unknown"
        place = f"entry points of {origin}"
        if point.group not in GROUPS:
            faults.append(f"{place}: unknown group {point.group!r}.{did_you_mean(point.group, GROUPS)}")
            continue
        body = {"target": point.value, "description": header.get("summary") or f"by {origin}"}
        entry, wrong = check_entry(GROUPS[point.group], point.name, body)
        faults.extend(f"{place}: {fault}" for fault in wrong)
        if entry:
            entries.append(Entry(*entry, origin=origin, version=header.get("version", ""), file=place, line=0))
    return entries, faults


def read_header(dist: importlib.metadata.Distribution) -> dict[str, str]:
    """``name``, ``version`` and ``summary`` of a distribution, those that it states on one line each.

    ``dist.metadata`` parses the whole file, README and all, once for each thing that is asked of it.
    """
    text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    head = text.replace("\r\n", "\n").partition("\n\n")[0]
    found = re.findall(r"^(Name|Version|Summary):[ \t]*(.*?)[ \t]*$", head, re.M | re.I)
    return {"name": "", **{key.lower(): value for key, value in reversed(found)}}
