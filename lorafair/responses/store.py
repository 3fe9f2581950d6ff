"""The response store: every answer of every engine, one line each, appended as it finishes.

A torn or damaged line (a killed process, a full disk) is not read and is asked again; all others stay readable.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from lorafair.errors import LorafairError
from lorafair.records import SCHEMA
from lorafair.responses.request import Request

SYNC_SECONDS = 1.0


class StoreBusyError(LorafairError):
    """Another process writes to the store."""


class ResponseStore:
    """Answers on disk under ``folder``, one append-only file per checkpoint content hash.

    A context manager; holds a lock on the folder, so that two processes never write into one audit.

    Args:
        also: the folder of another store, whose answers are read like its own and which is never written to.

    Raises:
        LorafairError: if another process holds the folder (StoreBusyError), or the disk is full while writing.
    """

    def __init__(self, folder: Path, also: Path | None = None) -> None:
        self.folder = folder
        self._also = also
        self._damaged: dict[Path, int] = {}
        self._files: dict[str, TextIO] = {}
        self._lock: TextIO | None = None
        self._synced = 0.0

    def __enter__(self) -> ResponseStore:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.folder / ".lock", "w", encoding="utf-8")
        except OSError as error:
            raise LorafairError(f"{self.folder} cannot be written: {error.strerror}. Choose another --out.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreBusyError(
                f"Another process is writing to {self.folder}. Wait for it to finish, or choose another --out."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            try:
                os.fsync(file.fileno())
                file.close()
            except OSError:
                if error is None:
                    raise
        self._files.clear()
        if self._lock is not None:
            self._lock.close()

    @property
    def damaged(self) -> int:
        """Damaged lines found where files were read first."""
        return sum(self._damaged.values())

    def knows(self, content: str) -> bool:
        """Whether anything is stored for the checkpoint with content hash ``content``."""
        return any(path.exists() for path in self._paths(content))

    def read(self, content: str) -> dict[str, Any]:
        """All whole answers for the checkpoint with content hash ``content``: ``{key: answer}``.

        Raises:
            LorafairError: if the file was written under a record schema that this version does not read.
        """
        answers: dict[str, Any] = {}
        for path in self._paths(content):
            damaged = 0
            for _, record in _read_records(path):
                if record is None:
                    damaged += 1
                else:
                    answers[record["key"]] = record["answer"]
            if path == self._path(content) and path.exists():  # the other store may be written to at this moment
                self._damaged.setdefault(path, damaged)
        return answers

    def write(self, content: str, request: Request, answer: Any) -> None:
        """Append one answer and hand it to the operating system at once.

        Raises:
            LorafairError: if it cannot be written (disk full); what was written before stays readable.
        """
        record = {
            "schema": SCHEMA,
            "key": request.key,
            "kind": request.kind,
            "answer": answer,
            "check": _check(request.key, request.kind, answer),
        }
        self._append(content, json.dumps(record, ensure_ascii=True))

    def absorb(self, folder: Path) -> int:
        """Append the whole answers of another store that this one does not hold; how many they were.

        Raises:
            LorafairError: as :meth:`read` and :meth:`write`.
        """
        count = 0
        for path in sorted(folder.glob("*.jsonl")):
            known = set(self.read(path.stem))
            for line, record in _read_records(path):
                if record is not None and record["key"] not in known:
                    known.add(record["key"])
                    self._append(path.stem, line.rstrip("\n"))
                    count += 1
        return count

    def _append(self, content: str, line: str) -> None:
        try:
            file = self._files.get(content) or self._open(content)
            file.write(line + "\n")
            file.flush()
            self._sync()
        except OSError as error:
            raise LorafairError(
                f"The response store {self.folder} cannot be written: {error.strerror}. Answers up to here are kept: "
                "free some space and run the same command again to go on."
            ) from error

    def _sync(self) -> None:
        """Once a second, have the disk itself hold what was written, so that a machine that stops loses no more."""
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            for file in self._files.values():
                os.fsync(file.fileno())
            self._synced = time.monotonic()

    def _open(self, content: str) -> TextIO:
        path = self._path(content)
        file = open(path, "a+b")  # noqa: SIM115
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.close()
        self._files[content] = open(path, "a", encoding="utf-8")  # noqa: SIM115
        return self._files[content]

    def _path(self, content: str) -> Path:
        return self.folder / f"{content[:32]}.jsonl"

    def _paths(self, content: str) -> list[Path]:
        own = self._path(content)
        return [own] if self._also is None else [self._also / own.name, own]


def _read_records(path: Path) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Every line of a file of answers with its record, None where it is torn or damaged; none without a file."""
    if not path.exists():
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                record = json.loads(line)
                whole = record["check"] == _check(record["key"], record["kind"], record["answer"])
            except (ValueError, KeyError, TypeError):
                whole = False
            if whole and record.get("schema") != SCHEMA:
                raise LorafairError(
                    f"{path} was written under record schema {record.get('schema')}, this version reads {SCHEMA}. "
                    "Evaluate into a new --out, or use the version of LoRAFair that wrote it."
                )
            yield line, record if whole else None


def _check(key: str, kind: str, answer: Any) -> str:
    text = json.dumps([key, kind, answer], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
