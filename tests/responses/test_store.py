"""The store loses nothing that was finished, whatever happens to the process or the disk."""

from __future__ import annotations

import multiprocessing
import os
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.errors import LorafairError
from lorafair.responses.request import Request
from lorafair.responses.store import ResponseStore

CONTENT = "c" * 64


def request(number):
    return Request(f"{number:064x}", "c", "generate_until", (f"text {number}", {}))


def fill(folder, numbers):
    with ResponseStore(folder) as store:
        for number in numbers:
            store.write(CONTENT, request(number), f"answer {number}\n\u2028 ✓")


def read(folder):
    with ResponseStore(folder) as store:
        return store.read(CONTENT), store.damaged


def test_what_was_written_is_read_back(tmp_path):
    fill(tmp_path, range(5))
    answers, damaged = read(tmp_path)
    assert answers == {request(n).key: f"answer {n}\n\u2028 ✓" for n in range(5)}
    assert damaged == 0


@given(cut=st.integers(min_value=1, max_value=400))
def test_a_file_cut_anywhere_keeps_every_whole_line_and_can_be_continued(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("cut")
    fill(folder, range(4))
    (path,) = folder.glob("*.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    kept = path.read_bytes().count(b"\n")
    answers, _ = read(folder)
    assert len(answers) in (kept, kept + 1)
    fill(folder, range(4, 6))
    answers, _ = read(folder)
    assert {request(4).key, request(5).key} <= set(answers)
    assert len(answers) >= kept + 2


def test_a_changed_line_is_not_believed(tmp_path):
    fill(tmp_path, range(3))
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text().replace("answer 1", "answer 7"))
    answers, damaged = read(tmp_path)
    assert (len(answers), damaged) == (2, 1)


def test_an_unknown_schema_is_refused_and_named(tmp_path):
    fill(tmp_path, [1])
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 9'))
    with pytest.raises(LorafairError, match="schema 9"):
        read(tmp_path)


def test_two_writers_on_one_folder_are_refused(tmp_path):
    with ResponseStore(tmp_path), pytest.raises(LorafairError, match="Another process"), ResponseStore(tmp_path):
        pass


def _fill_a_small_disk(folder, pipe):
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        fill(folder, range(100))
    except LorafairError as error:
        pipe.send(str(error))
    os._exit(0)


def test_a_full_disk_says_so_and_keeps_what_was_stored(tmp_path):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_fill_a_small_disk, args=(tmp_path, theirs))
    process.start()
    message = ours.recv()
    process.join()
    assert "cannot be written" in message
    assert "run the same command again" in message
    answers, _ = read(tmp_path)
    assert len(answers) >= 5
    fill(tmp_path, range(50, 52))
    assert request(51).key in read(tmp_path)[0]
