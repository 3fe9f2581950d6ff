"""Files that are read ahead."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from lorafair import content
from lorafair.content import read_ahead, read_content


def test_files_come_as_they_are_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "SMALL", 3)
    paths = [tmp_path / f"{k}.jsonl" for k in range(6)]
    for k, path in enumerate(paths):
        path.write_bytes(b"x" * k)
    paths[2].unlink()
    threads = threading.active_count()
    with read_ahead(paths, read_content) as read:
        for k in (0, 1, 3, 5, 4):
            assert read(paths[k])[0] == b"x" * k
            hashed = hashlib.sha256(b"x" * k).digest() if k >= 3 else None
            assert read(paths[k]) == read_content(paths[k]) == (b"x" * k, hashed)
        with pytest.raises(FileNotFoundError):
            read(paths[2])
    assert threading.active_count() == threads


def test_nothing_is_hashed_where_no_copies_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORAFAIR_COPIES", "0")
    path = tmp_path / "samples.jsonl"
    path.write_bytes(b"x" * content.SMALL)
    assert read_content(path)[1] is None
