"""Rows kept beside large results: asked for again, in another format or by the report, they are not computed again.

As copies of samples files (:mod:`lorafair.sample_copy`) these are believed only where this user's own LoRAFair wrote
them: the name ends in a keyed hash over the copy, everything that the rows depend on and all code.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import hmac
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from lorafair.collection import collect_later
from lorafair.isolation import is_built_in
from lorafair.records import Row
from lorafair.registry import load_registry
from lorafair.sample_copy import find_key
from lorafair.samples import Audit

MUCH = 200_000
"""Answers, of all models and tasks, from which on rows are kept."""
KEPT = 4
"""Copies of one folder, of different settings."""
_NAME = re.compile(r"rows\.[0-9a-f]{32}\.json\.gz")
_LEFT_OUT = ("path", "starts")  # where samples stand, not what they say

Told = dict[str, Any]


class _Kept(BaseModel):
    """What a copy holds: rows, and beside them what JSON holds."""

    model_config = ConfigDict(extra="allow")

    rows: list[Row]


def keep_rows(audit: Audit, settings: Sequence[Any], metrics: Iterable[str], make: Callable[[], Told]) -> Told:
    """What ``make`` gives, from its copy where there is one; otherwise a copy is written where there is much.

    What cannot be written leaves no trace.  ``LORAFAIR_COPIES=0``: no copy is read and none written.  Nor is one where
    a metric is a stranger's: what it gives may depend on what nobody sees.

    Args:
        audit: what the rows are of.
        settings: all else that they depend on.
        metrics: names of the registry that are computed beside the default ones.
        make: gives ``rows``, a list of :class:`lorafair.records.Row`, and what JSON holds.
    """
    size = sum(len(one.keys) for one in audit.samples)
    key = find_key() if size >= MUCH and audit.folders and os.environ.get("LORAFAIR_COPIES") != "0" else None
    asked = set(metrics)
    entries = [e for e in load_registry().entries("metric") if e.name in asked or e.fields.get("default")]
    if key is None or not all(map(is_built_in, entries)):
        return make()
    key = hmac.digest(key, _digest_code() + _digest(audit) + _digest(list(settings)), "sha256")
    folder = audit.folders[0]
    found = _read(folder, key)
    if found is None:
        found = make()
        _write(folder, key, found)
    return found


def _digest(value: Any, known: dict[int, bytes] | None = None) -> bytes:
    """What tells a value from every other one: of dataclasses, lists, dictionaries, texts and numbers."""
    known = {} if known is None else known
    if isinstance(value, Audit):
        value = [value.models, value.samples, value.summaries]
    listed = isinstance(value, list | tuple) and len(value) > 0
    if listed and id(value) in known:
        return known[id(value)]
    said = hashlib.sha256()
    if is_dataclass(value):
        for one in fields(value):
            if one.name not in _LEFT_OUT:
                said.update(one.name.encode() + _digest(getattr(value, one.name), known))
    elif isinstance(value, dict):
        for name, each in value.items():
            said.update(_digest(name) + _digest(each, known))
    elif isinstance(value, np.ndarray | array):
        value = np.asarray(value)
        said.update(f"{value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, set | frozenset):
        said.update(repr(sorted(value)).encode())
    elif listed and (numbers := _take_numbers(value)) is not None:
        said.update(numbers)
    elif listed and not isinstance(value[0], str | dict | None):
        for each in value:
            said.update(_digest(each, known))
    else:
        said.update(f"{type(value).__name__} ".encode() + _say(value))
    if listed:
        known[id(value)] = said.digest()  # the caller holds it: no other list has its id
    return said.digest()


def _take_numbers(value: Sequence[Any]) -> bytes | None:
    """Floats, or lists of them, as bytes (an integer among them counts as one); None for anything else."""
    if isinstance(value[0], float):
        flat, told = value, b"numbers"
    elif isinstance(value[0], list):
        flat, told = list(chain.from_iterable(value)), b"lists" + np.array([*map(len, value)]).tobytes()
    else:
        return None
    try:
        numbers = np.asarray(flat)
    except ValueError:  # lists among them
        return None
    return told + numbers.tobytes() if numbers.dtype == np.float64 and numbers.ndim == 1 else None


def _say(value: Any) -> bytes:
    try:
        return to_json(value)
    except (ValueError, TypeError):  # text that is no Unicode, and what is no JSON
        return json.dumps(value, default=repr).encode()


@cache
def _digest_code() -> bytes:
    """Of all of LoRAFair's own code, its registry, its metrics, and of what computes."""
    package = Path(str(importlib.util.find_spec("lorafair").origin)).parent  # type: ignore[union-attr]
    files = {path for path in package.rglob("*") if path.suffix in {".py", ".yaml"}}
    for entry in load_registry().entries("metric"):
        if is_built_in(entry):
            spec = importlib.util.find_spec(str(entry.target).partition(":")[0])
            files |= {Path(spec.origin)} if spec and spec.origin else set()
    said = hashlib.sha256(platform.python_version().encode())
    for path in sorted(files):
        said.update(path.name.encode() + path.read_bytes())
    for name in ("numpy", "scipy", "pydantic"):
        said.update(importlib.metadata.version(name).encode())
    return said.digest()


def _sign(key: bytes, data: bytes) -> str:
    return f"rows.{hmac.digest(key, data, 'sha256').hex()[:32]}.json.gz"


def _list_copies(folder: Path) -> list[Path]:
    found = [folder / name for name in os.listdir(folder) if _NAME.fullmatch(name)]
    return sorted((path for path in found if path.is_file()), key=lambda path: -path.stat().st_mtime_ns)


def _read(folder: Path, key: bytes) -> Told | None:
    try:
        for path in _list_copies(folder):
            data = path.read_bytes()
            if hmac.compare_digest(path.name, _sign(key, data)):
                return _unpack(gzip.decompress(data))
    except Exception:  # whatever is wrong with a copy, the samples are there
        return None
    return None


def _pack(told: Told) -> bytes:
    return to_json(_Kept.model_construct(**told), by_alias=True)


def _unpack(text: bytes) -> Told:
    found = _Kept.model_validate_json(text)
    return {"rows": found.rows} | (found.model_extra or {})


def _write(folder: Path, key: bytes, told: Told) -> None:
    part = folder / f".rows.{os.getpid()}.part"
    try:
        text = _pack(told)
        with collect_later():
            if _unpack(text) != told:  # something that JSON does not hold
                return
        data = gzip.compress(text, 1, mtime=0)
        part.write_bytes(data)
        part.replace(folder / _sign(key, data))
        for old in _list_copies(folder)[KEPT:]:
            old.unlink()
    except (OSError, TypeError, ValueError):
        with contextlib.suppress(OSError):  # on a mount that is read only even this raises
            part.unlink(missing_ok=True)
