"""The columnar copy of a samples file: a Parquet file beside it, from which the same columns come much faster.

Results folders come from strangers, so a copy is believed only where this user's own LoRAFair wrote it: its name ends
in a keyed hash (HMAC-SHA256, key in the user's cache folder) over the copy itself, the samples file's content, what
else its columns depend on and the code that reads them.  Any other file of such a name, be it stale, damaged or made by
somebody else, is not opened, and a new copy is written in its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lorafair import answer, content, expression, group_mapping, sample_column, sample_line, sample_table
from lorafair.content import read_content
from lorafair.fork import count_processes, share_work
from lorafair.group_mapping import find_mapping
from lorafair.sample_column import Columns, Shared, digest_list, read_columns
from lorafair.sample_table import Table, list_columns, list_shared, pack, unpack

MUCH = 64_000_000
"""Bytes of samples files from which on several processes read them."""
_CODE = (answer, expression, group_mapping, sample_column, sample_line, sample_table)
_MAKING = threading.Lock()  # one thread makes the key, the others wait for it
_ENDING = re.compile(r"[0-9a-f]{32}\.parquet")


class Source(NamedTuple):
    """A samples file as it was read: its bytes, what its copy is signed with (None: no copy), and the copy."""

    data: bytes
    key: bytes | None
    table: Table | None


def open_samples(path: Path, task: str, metadata: Mapping[str, Any], shared: Shared) -> Source:
    """A samples file's bytes, and its copy where there is one; what threads do ahead of :func:`load_columns`.

    Raises:
        OSError: if the file cannot be read.
    """
    data, hashed = read_content(path)
    key = find_key() if hashed is not None else None
    if key is None or hashed is None:
        return Source(data, None, None)
    key = _make_key(key, hashed, path, task, metadata)
    return Source(data, key, _read(path, key, shared))


def load_columns(
    path: Path,
    task: str,
    metadata: Mapping[str, Any],
    shared: Shared,
    faults: list[str],
    read: Callable[[Path], Source] | None = None,
) -> Columns | None:
    """The columns of a samples file, from its copy where there is one; otherwise a copy is written.

    What cannot be written (a folder that is read only, text that Parquet does not take) leaves no trace.  Set
    ``LORAFAIR_COPIES=0`` to read no copy and write none.

    Args:
        path: the samples file.
        task, metadata, faults: of :func:`lorafair.sample_column.read_columns`.
        shared: lists that other files of the audit hold too.
        read: :func:`open_samples` by :func:`lorafair.content.read_ahead`, where several files are read.

    Raises:
        OSError: if the file cannot be read.
    """
    data, key, table = read(path) if read else open_samples(path, task, metadata, shared)
    if table is not None:
        with contextlib.suppress(Exception):  # whatever is wrong with a copy, the samples are there
            return list_columns(table, shared)
    before = len(faults)
    columns = read_columns(path, data, task, metadata, faults)
    if columns is None:
        return None
    lists = list_shared(columns)
    digests = {name: digest_list(getattr(holder, attribute)) for name, (holder, attribute) in lists.items()}
    if key is not None and len(faults) == before:
        _write(path, key, columns, digests)
    for name, (holder, attribute) in lists.items():
        setattr(holder, attribute, shared.keep(name, digests[name], getattr(holder, attribute)))
    return columns


def make_copies(files: Sequence[tuple[Path, str, Mapping[str, Any]]]) -> None:
    """Write the copies that are not there yet, in several processes, where there is much to read.

    Reading the samples then takes them from the copies; what fails here is told there.

    Args:
        files: (path, task, metadata) of each, as :func:`load_columns` takes them.
    """
    size = {path: path.stat().st_size for path, _, _ in files if path.is_file()}
    large = [one for one in files if size.get(one[0], 0) >= content.SMALL and os.access(one[0].parent, os.W_OK)]
    key = find_key() if os.environ.get("LORAFAIR_COPIES") != "0" and count_processes() > 1 else None
    if key is None or not large:
        return

    def make(k: int) -> None:
        path, task, metadata = missing[k]
        with contextlib.suppress(Exception):
            load_columns(path, task, metadata, Shared(), [])

    copied = {path for path, _, _ in large if _list_copies(path)}
    old, missing = ([one for one in large if (one[0] in copied) is there] for there in (True, False))
    if old:  # whether copies are of this code and of this user, one of them tells
        path, task, metadata = old[0]
        with contextlib.suppress(OSError):
            digest = hashlib.sha256(path.read_bytes()).digest()
            if _read(path, _make_key(key, digest, path, task, metadata), Shared()) is None:
                missing = large
    if sum(size[path] for path, _, _ in missing) >= MUCH:
        share_work(make, [size[path] for path, _, _ in missing], least=MUCH)


def _make_key(key: bytes, digest: bytes, path: Path, task: str, metadata: Mapping[str, Any]) -> bytes:
    """The key for all that a copy depends on beside the code."""
    mapping = find_mapping(task)
    fields = None if mapping is None else dict(mapping.fields)
    rest = json.dumps([path.name, task, metadata, fields], sort_keys=True, default=str).encode()
    return hmac.digest(key, digest + hashlib.sha256(rest).digest(), "sha256")


@cache
def find_key() -> bytes | None:
    """This user's key, made when first asked for, for copies by this code; None where there is no place for it."""
    with _MAKING:
        return _read_key()


def _read_key() -> bytes | None:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lorafair"
    path = folder / "copies.key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".copies.key.{os.getpid()}"
        if not path.exists():
            with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
            with contextlib.suppress(FileExistsError):
                os.link(part, path)  # whoever is first
            part.unlink()
        found = path.read_bytes()
        files = [__file__, *(str(module.__file__) for module in _CODE)]
        code = b"".join(Path(file).read_bytes() for file in files)
    except (OSError, RuntimeError):
        return None
    return hmac.digest(found, code, "sha256") if len(found) == 32 else None


def _list_copies(path: Path) -> list[Path]:
    start = f"{path.stem}."
    names = [name for name in os.listdir(path.parent) if name.startswith(start)]
    return [path.parent / name for name in names if _ENDING.fullmatch(name, len(start))]


def _sign(key: bytes, data: bytes) -> str:
    return hmac.digest(key, data, "sha256").hex()[:32]


def _read(path: Path, key: bytes, shared: Shared) -> Table | None:
    for copy in _list_copies(path):
        try:
            data = copy.read_bytes() if copy.is_file() else b""
            if hmac.compare_digest(copy.name, f"{path.stem}.{_sign(key, data)}.parquet"):
                return unpack(data, shared)
        except Exception:  # whatever is wrong with a copy, the samples are there
            continue
    return None


def _write(path: Path, key: bytes, columns: Columns, digests: Mapping[str, str]) -> None:
    try:
        data = pack(columns, digests)
    except Exception:  # text or numbers that Parquet does not take
        return
    copy = path.with_name(f"{path.stem}.{_sign(key, data)}.parquet")
    part = path.with_name(f".{copy.name}.{os.getpid()}.part")
    try:
        stale = _list_copies(path)
        part.write_bytes(data)
        part.replace(copy)
        for one in stale:
            if one != copy:
                one.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
