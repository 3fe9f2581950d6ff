"""Work shared out to forks: what one process gives, whatever happens to a fork."""

from __future__ import annotations

import os
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lorafair.plugins.metrics.rate import rate

from lorafair import content, fork, sample_copy
from lorafair.fork import share_work
from lorafair.leaderboard import descriptive, measurement
from lorafair.leaderboard.measurement import find_first
from lorafair.leaderboard.row import build_rows
from lorafair.samples import read_audit
from lorafair.statistics import compare
from lorafair.statistics.pair import Column

write_audit = runpy.run_path(str(Path(__file__).parent / "report" / "conftest.py"))["write_audit"]
TASKS = {
    "honest_en": {"metric": "honest", "label": "HONEST", "words": 9},
    "bbq_like": {"metric": "acc", "label": "accuracy", "rate": 0.5, "higher": True},
}


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, whatever this machine has and whoever runs these tests."""
    for module in (fork, sample_copy):
        monkeypatch.setattr(module, "count_processes", lambda: 2)


def test_items_come_in_their_order_from_several_processes() -> None:
    made = share_work(lambda k: (k * k, os.getpid()), [1.0] * 400, least=0, alone=[5, 7])
    assert [square for square, _ in made] == [k * k for k in range(400)]
    assert {made[5][1], made[7][1]} == {os.getpid()}


def test_both_processes_work() -> None:
    """Each waits in its first item until the other has begun one."""
    ends = [os.pipe(), os.pipe()]
    here = os.getpid()

    def meet(k: int) -> int:
        mine, other = ends if os.getpid() == here else ends[::-1]
        os.write(mine[1], b"x")
        os.read(other[0], 1)
        return os.getpid()

    assert len(set(share_work(meet, [1.0, 1.0], least=0))) == 2
    for end in (end for pair in ends for end in pair):
        os.close(end)


def test_little_work_stays_here() -> None:
    assert set(share_work(lambda _: os.getpid(), [1.0] * 5, least=5.1)) == {os.getpid()}
    assert share_work(lambda k: k, [], least=0) == []


def test_what_a_fork_fails_on_is_done_here() -> None:
    here = os.getpid()

    def work(k: int) -> int:
        if os.getpid() != here:
            os._exit(9) if k % 2 else None
            raise RuntimeError("only here")
        return k

    assert share_work(work, [1.0] * 50, least=0) == list(range(50))


def test_a_fault_is_the_one_that_the_work_has() -> None:
    def work(k: int) -> int:
        return 1 // (k - 30)

    with pytest.raises(ZeroDivisionError):
        share_work(work, [1.0] * 50, least=0)


def test_what_cannot_be_sent_is_made_here() -> None:
    made = share_work(lambda k: lambda: k, [1.0] * 20, least=0)
    assert [each() for each in made] == list(range(20))


def test_copies_and_rows_are_those_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LORAFAIR_COPIES", raising=False)
    sample_copy.find_key.cache_clear()
    models = {"base": {}, "lora": {"rank": 8, "shift": {"men": 0.7}}, "other": {"rank": 2}}
    root = write_audit(tmp_path / "results", models, TASKS, templates=40) or tmp_path / "results"
    plain = read_audit([root])
    alone = build_rows(plain, resamples=1000)
    monkeypatch.setattr(content, "SMALL", 0)
    monkeypatch.setattr(sample_copy, "MUCH", 0)
    for module in (compare, descriptive, measurement):
        monkeypatch.setattr(module, "LEAST", 0.0)
    read = sample_copy.read_columns
    made_here: list[Path] = []
    monkeypatch.setattr(sample_copy, "read_columns", lambda path, *rest: made_here.append(path) or read(path, *rest))
    shared = read_audit([root])
    assert len(list(root.rglob("*.parquet"))) == 6
    assert len(set(made_here)) == len(made_here)  # none is read twice
    made_here.clear()
    assert repr(read_audit([root])) == repr(shared) == repr(plain)
    assert made_here == []
    apart = build_rows(shared, resamples=1000)
    assert len(apart.rows) == len(alone.rows)
    for one, other in zip(apart.rows, alone.rows, strict=True):
        for mine, theirs in zip([one, *one.comparisons], [other, *other.comparisons], strict=True):
            for (name, told), (_, wanted) in zip(mine, theirs, strict=True):
                if isinstance(told, float):
                    assert told == pytest.approx(wanted, rel=1e-9), name
                elif name != "comparisons":
                    assert told == wanted, name
    assert any(c.verdict == "worse" for row in apart.rows for c in row.comparisons)
    sample_copy.find_key.cache_clear()


def test_columns_that_say_the_same_are_measured_once() -> None:
    cluster, member = np.arange(6) // 2, np.ones((6, 1), dtype=bool)
    shape: dict[str, Any] = {"cluster": cluster, "groups": {"g": member}, "names": {"g": ("a",)}}
    zero, minus = np.zeros(6), np.array([-0.0, 0.0, 0.0, 0.0, 0.0, 0.0])

    def make(metric: str, **values: np.ndarray) -> Column:
        return Column("t", metric, values, higher_is_better=True, **shape)

    columns = [make("a", x=zero, y=zero), make("b", x=zero, y=zero + 1), make("c", x=minus, y=zero), make("d", x=zero)]
    columns += [replace(columns[0], rates=False), replace(columns[0], function=rate), replace(columns[0], resamples=9)]
    assert find_first(columns) == [0, 1, 0, 3, 4, 5, 6]
