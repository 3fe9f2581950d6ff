"""Fetch one file over HTTP and go on where an interrupted transfer stopped, in this run or an earlier one.

The Hub's own client begins again in every process (huggingface_hub 2: each has a temporary file of its own), which a
large data set on a bad line never survives.
"""

from __future__ import annotations

import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

BLOCK = 1 << 20
WAIT = 30.0
"""Seconds without a byte after which a server counts as gone."""


def download(url: str, path: Path, mark: str, headers: Mapping[str, str]) -> None:
    """Download to ``path``; what an interrupted transfer left beside it is gone on with.

    As long as bytes arrive it asks again by itself; the caller checks what came.

    Args:
        url: http or https.
        path: appears when it is whole.
        mark: of this version of the file (an ETag, a hash): what was left by another version is not gone on with.
        headers: sent to the host of ``url`` only, not to one that it redirects to.

    Raises:
        OSError: (also an HTTP error) where it cannot be had.
        http.client.HTTPException: where the transfer was cut, and nothing more came.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{''.join(filter(str.isalnum, mark))[:40]}.part")
    while True:
        there = _size(part)
        try:
            _append(url, part, there, headers)
            break
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 416 and there:  # nothing is left to send
                break
            if _size(part) <= there:
                raise
    part.replace(path)


def _append(url: str, part: Path, there: int, headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "lorafair", "Accept-Encoding": "identity"})
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    if there:
        request.add_header("Range", f"bytes={there}-")
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        length = answer.headers.get("Content-Length")
        start = there if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            shutil.copyfileobj(answer, file, BLOCK)
    if length is not None and _size(part) < start + int(length):
        raise http.client.IncompleteRead(b"", start + int(length) - _size(part))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
