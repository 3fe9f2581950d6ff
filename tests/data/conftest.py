"""A Hub of our own: an HTTP server with the Hub's layout of addresses, headers, ranges, and faults on demand."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves ``files`` (address below the root -> bytes).  ``cut``: bytes of a body after which a connection ends, once
    per entry; ``dead``: answers nothing but 503; ``asked``: (method, path, Range) of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: list[int] = []
        self.die_after_cut = False
        self.dead = False
        self.asked: list[tuple[str, str, str | None]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, repository: str, path: str, content: bytes) -> None:
        """A file of a data set, found by commit and by branch."""
        for revision in (COMMIT, "main"):
            self.files[f"/datasets/{repository}/resolve/{revision}/{path}"] = content


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bool) -> None:
        wanted = self.headers.get("Range")
        if "/resolve/" in self.path:  # the Hub's client asks for other things too
            self.server.asked.append((self.command, self.path, wanted))
        content = self.server.files.get(self.path)
        if self.server.dead or content is None:
            self.send_response(503 if self.server.dead else 404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and body else 0
        part = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(part)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            if self.server.cut:
                part = part[: self.server.cut.pop(0)]
                self.server.dead = self.server.die_after_cut
                self.close_connection = True
            self.wfile.write(part)


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lorafair(tmp_path: Path, hub: Hub):
    """Runs ``lorafair …`` in a process of its own that knows no Hub but ours, with the registry of the folder."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "LORAFAIR_"))}
        own = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf"), "LORAFAIR_REGISTRY": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "lorafair", *words],
            env=kept | own | more,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
        )

    return run
