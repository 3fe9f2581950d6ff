"""The push, through huggingface_hub's own client, to a server of this machine that answers as the Hub does."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

FIRST = "1" * 40


class Hub(ThreadingHTTPServer):
    """One model, ``me/mine``, with a card; ``commits`` are what was sent, ``moved`` refuses them as outdated."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.readme = b"---\nlicense: apache-2.0\n---\nText of the author.\n"
        self.sha = FIRST
        self.commits: list[list[dict[str, Any]]] = []
        self.moved = False


class Handler(BaseHTTPRequestHandler):
    """The requests of a push."""

    server: Hub

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _answer(self, found: Any, status: int = 200, **headers: str) -> None:
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        hub = self.server
        if self.path.startswith("/api/models/me/mine"):
            self._answer({"id": "me/mine", "sha": hub.sha, "siblings": [], "private": False, "tags": []})
        elif self.path == f"/me/mine/resolve/{hub.sha}/README.md":
            etag = hashlib.sha1(hub.readme).hexdigest()
            self._answer(hub.readme, X_Repo_Commit=hub.sha, ETag=f'"{etag}"')
        else:
            self._answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        hub, data = self.server, self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif self.path.endswith("/preupload/main"):
            files = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                     for one in json.loads(data)["files"]]  # fmt: skip
            self._answer({"files": files})
        elif "/commit/main" in self.path:
            lines = [json.loads(line) for line in data.splitlines()]
            if hub.moved:
                self._answer({"error": "A commit has happened since. Please refresh and try again."}, 412)
                return
            hub.commits.append(lines)
            (sent,) = (line["value"] for line in lines if line["key"] == "file")
            hub.readme, hub.sha = base64.b64decode(sent["content"]), str(len(hub.commits) + 1) * 40
            address = f"http://127.0.0.1:{hub.server_port}/me/mine/commit/{hub.sha}"
            self._answer({"commitUrl": address, "commitOid": hub.sha, "success": True})
        else:
            self._answer({"error": f"unexpected {self.path}"}, 400)


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def _push(hub: Hub, adapter: Path, repository: str = "me/mine") -> subprocess.CompletedProcess[str]:
    """In a process of its own: the client reads HF_ENDPOINT when it is imported."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_TOKEN": "hf_none"}
    environment |= {"HF_HOME": str(Path("hf").resolve()), "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = ["card", str(adapter), "results", "--resamples", "300", "--push", repository]
    return subprocess.run([sys.executable, "-m", "lorafair", *command], env=environment, capture_output=True, text=True)


def test_a_push_reaches_the_hub_once_and_keeps_what_stands_there(world: Any, hub: Hub) -> None:
    adapter = world(groups=("women", "men"), templates=60)
    done = _push(hub, adapter)
    assert done.returncode == 0, done.stderr
    assert f"/me/mine/commit/{'2' * 40}" in done.stdout
    (header, sent) = hub.commits[0]
    assert header["value"]["parentCommit"] == FIRST
    assert sent["value"]["path"] == "README.md"
    assert b"Text of the author." in hub.readme
    assert b"## Fairness" in hub.readme
    assert b"model-index:" in hub.readme
    again = _push(hub, adapter)
    assert "on the Hub is up to date" in again.stdout, again.stderr
    assert len(hub.commits) == 1
    hub.moved, hub.sha, hub.readme = True, "9" * 40, b"Somebody wrote this meanwhile.\n"
    late = _push(hub, adapter)
    assert late.returncode == 2
    assert "The Hub did not take the card" in late.stderr
    assert "Traceback" not in late.stderr
    assert hub.readme == b"Somebody wrote this meanwhile.\n"
