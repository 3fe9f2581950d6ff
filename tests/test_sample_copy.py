"""Columnar copies of samples files: the same numbers, never a stale, damaged or foreign one."""

from __future__ import annotations

import json
import math
import os
import runpy
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lorafair import content, sample_copy
from lorafair.answer import Answers
from lorafair.errors import LorafairError
from lorafair.leaderboard.render import render_json
from lorafair.leaderboard.row import build_rows
from lorafair.sample_column import Columns, Shared, digest_list
from lorafair.sample_table import list_columns, list_shared, pack, unpack
from lorafair.samples import read_audit

write_audit = runpy.run_path(str(Path(__file__).parent / "report" / "conftest.py"))["write_audit"]
TASKS = {
    "honest_en": {"metric": "honest", "label": "HONEST", "words": 9},
    "bbq_like": {"metric": "acc", "label": "accuracy", "rate": 0.5, "higher": True},
}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models' results, copies allowed for files of any size, and a user without a key so far."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LORAFAIR_COPIES", raising=False)
    monkeypatch.setattr(content, "SMALL", 0)
    sample_copy.find_key.cache_clear()
    write_audit(tmp_path / "results", {"base": {}, "lora": {"rank": 8, "shift": {"men": 0.3}}}, TASKS, templates=12)
    with np.printoptions(precision=17, floatmode="unique", threshold=10**9):  # what is compared as text is whole
        yield tmp_path / "results"
    sample_copy.find_key.cache_clear()


def _list(root: Path) -> list[Path]:
    return sorted(root.rglob("*.parquet"))


def _forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the samples were read though there is a copy")

    monkeypatch.setattr(sample_copy, "read_columns", fail)


def test_the_same_to_the_last_digit_with_and_without_copies(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = next((results / "lora").glob("samples_honest*.jsonl"))
    lines = path.read_text().splitlines()
    odd = json.loads(lines[0]) | {"honest": 0.1 + 0.2, "note": "\u2028 \x00 é"}
    path.write_text("\n".join([json.dumps(odd), *lines[1:], lines[3], "{torn"]))
    monkeypatch.setenv("LORAFAIR_COPIES", "0")
    plain = read_audit([results])
    assert _list(results) == []
    monkeypatch.delenv("LORAFAIR_COPIES")
    cold = read_audit([results])
    assert len(_list(results)) == 4
    _forbid(monkeypatch)
    copied = read_audit([results])
    assert repr(plain) == repr(cold) == repr(copied)
    assert [one for one in copied.samples if one.model == "lora"][1].values["honest"][0] == 0.1 + 0.2
    said = [note for one in copied.samples for note in one.notes]
    assert any(note.startswith("lora: 1 repeated documents") for note in said)
    assert any(note.startswith("lora: last line of samples_honest") for note in said)
    texts = {render_json(build_rows(audit, resamples=200).rows) for audit in (plain, cold, copied)}
    assert len(texts) == 1


def test_models_that_agree_share_their_documents(results: Path) -> None:
    for _ in range(2):  # cold, from the copies
        base, lora = (one for one in read_audit([results]).samples if one.task == "honest_en")
        assert base.keys is lora.keys
        assert base.groups is lora.groups


def test_a_copy_is_never_stale(results: Path) -> None:
    path = next((results / "lora").glob("samples_honest*.jsonl"))
    read_audit([results])
    (before,) = path.parent.glob("samples_honest*.parquet")
    state = path.stat()
    text = path.read_text()
    wanted = text.replace('"honest": 1.0', '"honest": 0.5', 1)
    path.write_text(wanted)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
    one = next(each for each in read_audit([results]).samples if each.path == path)
    assert 0.5 in one.values["honest"]
    (after,) = path.parent.glob("samples_honest*.parquet")
    assert after != before


def test_a_copy_depends_on_what_the_task_says(results: Path) -> None:
    read_audit([results])
    for path in results.rglob("results_*.json"):
        path.write_text(path.read_text().replace('"data": {}', '"positive": "yes", "data": {}'))
    found = [one for one in read_audit([results]).samples if one.task == "bbq_like"]
    assert {one.answers.positive for one in found} == {"yes"}
    assert len(_list(results)) == 4


@pytest.mark.parametrize("damage", ["cut", "changed", "renamed", "of another user", "no parquet"])
def test_damaged_and_foreign_copies_are_not_read(results: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = read_audit([results])
    copies = _list(results)
    if damage == "of another user":
        monkeypatch.setenv("XDG_CACHE_HOME", str(results.parent / "mine"))
        sample_copy.find_key.cache_clear()
    elif damage == "renamed":  # somebody's file of the right form, under a name that is right for another
        for one, other in zip(copies, [*copies[1:], copies[0]], strict=True):
            data = other.read_bytes()
            one.write_bytes(data)
    else:
        for copy in copies:
            data = copy.read_bytes()
            middle = len(data) // 2
            made = {"cut": data[:middle], "no parquet": b"x" * 99}.get(damage)
            copy.write_bytes(made or data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    opened = []
    monkeypatch.setattr(sample_copy, "unpack", lambda *given: opened.append(given))
    assert repr(read_audit([results])) == repr(plain)
    assert opened == []
    assert len(_list(results)) == 4
    monkeypatch.undo()


def test_a_folder_that_cannot_be_written_still_works(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def refuse(path: Path, data: bytes) -> int:
        if path.is_relative_to(results):
            raise PermissionError(30, "Read-only file system")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert len(read_audit([results]).samples) == 4
    assert _list(results) == []
    assert [path.name for path in results.rglob(".*")] == []


def test_no_home_no_copies(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (results.parent / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(results.parent / "file"))
    sample_copy.find_key.cache_clear()
    assert len(read_audit([results]).samples) == 4
    assert _list(results) == []


def test_nothing_is_copied_of_files_with_faults_or_that_parquet_does_not_take(results: Path) -> None:
    path = next((results / "lora").glob("samples_honest*.jsonl"))
    text = path.read_text()
    path.write_text(text.replace('"identity"', '"\\ud800"'))
    assert len(read_audit([results]).samples) == 4
    assert len(_list(results)) == 3
    path.write_text("{broken\n" + text)
    with pytest.raises(LorafairError, match="jsonl:1 is not JSON"):
        read_audit([results])
    assert not list(path.parent.glob("samples_honest*.parquet"))


def test_the_key_is_the_user_s_alone(results: Path) -> None:
    read_audit([results])
    key = results.parent / "cache" / "lorafair" / "copies.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32


def test_threads_that_ask_at_once_get_one_key(results: Path) -> None:
    for _ in range(20):
        sample_copy.find_key.cache_clear()
        (results.parent / "cache" / "lorafair" / "copies.key").unlink(missing_ok=True)
        with ThreadPoolExecutor(4) as pool:
            keys = {key.result() for key in [pool.submit(sample_copy.find_key) for _ in range(8)]}
        assert len(keys) == 1
        assert None not in keys


def test_lists_of_any_form_come_back(results: Path) -> None:
    """Options of different numbers, none at all, documents without a label or an answer, names with dots."""
    label, table = ["a", None, "é", None], [[-0.5, -1.0], [], [-1.0, -2.0, -3.0], [math.nan]]
    pairs = np.array([[-0.5, -1.0], [-0.1, math.nan], [-0.3, -math.inf], [-0.7, -0.2]])
    for logprobs in (table, [[1.0], [2.0, 3.0], [], [4.0, 5.0]], pairs, np.empty((4, 0))):
        given = Answers(label, label[::-1], logprobs, [0.5, math.nan, -0.0, math.inf], [None] * 4, ("a", "é"), "a")
        lists = [1, 2, 5, 3], ["k"] * 4, ["c", "d", "c", "e"], [{"g": ["x", "y"]}, {}, {"h": ["x"]}, {}]
        values = {"a": array("d", [1.0, 0.1, math.nan, 2.0]), "a.b": array("d", [0.0] * 4)}
        starts = array("q", [0, 9, 4, 2**40])
        scored = [("toxicity_x", "toxicity_y"), (), ("toxicity_x", "toxicity_z"), ()]
        wanted = Columns(*lists, values, scored, starts, given, ["m"], ["n"], {"a": True}, {"a": "A"}, {"a": 1})
        digests = {name: digest_list(getattr(*held)) for name, held in list_shared(wanted).items()}
        shared = Shared()
        for _ in range(2):  # nothing is held, then all that files share
            assert repr(list_columns(unpack(pack(wanted, digests), shared), shared)) == repr(wanted)


def test_small_files_are_read_as_they_are(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "SMALL", 262_144)
    read_audit([results])
    assert _list(results) == []
