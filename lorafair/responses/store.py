"""The response store: every answer of every engine, one line each, appended as it finishes.

A torn or damaged line (a killed process, a full disk) is not read and is asked again; all others stay readable.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from lorafair.errors import LorafairError
from lorafair.records import SCHEMA
from lorafair.responses.request import Request

SYNC_SECONDS = 1.0


class ResponseStore:
    """Answers on disk under ``folder``, one append-only file per checkpoint content hash.

    A context manager; holds a lock on the folder, so that two processes never write into one audit.

    Raises:
        LorafairError: if another process holds the folder, or the disk is full while writing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
            raise LorafairError(
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
        return self._path(content).exists()

    def read(self, content: str) -> dict[str, Any]:
        """All whole answers for the checkpoint with content hash ``content``: ``{key: answer}``.

        Raises:
            LorafairError: if the file was written under a record schema that this version does not read.
        """
        answers: dict[str, Any] = {}
        path = self._path(content)
        damaged = 0
        if not path.exists():
            return answers
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    record = json.loads(line)
                    whole = record["check"] == _check(record["key"], record["kind"], record["answer"])
                except (ValueError, KeyError, TypeError):
                    whole = False
                if not whole:
                    damaged += 1
                    continue
                if record.get("schema") != SCHEMA:
                    raise LorafairError(
                        f"{path} was written under record schema {record.get('schema')}, this version reads {SCHEMA}. "
                        "Evaluate into a new --out, or use the version of LoRAFair that wrote it."
                    )
                answers[record["key"]] = record["answer"]
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
        try:
            file = self._files.get(content) or self._open(content)
            file.write(json.dumps(record, ensure_ascii=True) + "\n")
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


def _check(key: str, kind: str, answer: Any) -> str:
    text = json.dumps([key, kind, answer], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
