"""What a process knows of the others that train with it."""

from __future__ import annotations

import pytest

from lorafair.errors import LorafairError
from lorafair.process import agree, count_processes, is_first, share_batch, wait


def test_without_a_launcher_there_is_one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    wait()
    assert (count_processes(), is_first(), share_batch(5), agree([True, False])) == (1, True, 5, [True, False])
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert (count_processes(), is_first(), share_batch(6)) == (2, False, 3)
    with pytest.raises(LorafairError, match="--batch-size 5.*multiple of 2"):
        share_batch(5)
