"""The driver: lost tasks begun again elsewhere, a bounded number of times, faults at once, Ctrl-C; and a node's side."""

import fcntl
import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lorafair.errors import LorafairError
from lorafair.evaluation import EvaluationPlan
from lorafair.launch import work
from lorafair.launch.driver import Driver
from lorafair.launch.need import Need, Node
from lorafair.launch.progress import LaunchProgress
from lorafair.launch.task import Task
from lorafair.launch.work import Context, Report, do_task, find_notes, write_token
from lorafair.provenance import read_versions


def task(name, *after, kind="train", plans=()):
    return Task(kind, "one", name, Need(gpus=0.0), (name,), plans, after=frozenset(after))


def context(out, **changes):
    told = {"here": Path.cwd(), "out": out, "token": "t", "command": ("lorafair", "audit"), "environment": {},
            "versions": read_versions(), "hashes": {}}  # fmt: skip
    return Context(**(told | changes))


def drive(tasks, cluster, out, retries=2):
    taken, said = [], io.StringIO()
    progress = LaunchProgress(len(tasks), Console(file=said))
    driver = Driver(tasks, cluster, context(out), progress, lambda task, report: taken.append(task.name), retries)
    try:
        with progress:
            driver.run()
    finally:
        log = (out / "launch.jsonl").read_text("utf-8").splitlines()
    return taken, [json.loads(line) for line in log], said.getvalue()


def note_start(out, of, node):
    path = find_notes(out, of)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(["start", node, f"host-{node}", 1, 1.0]) + "\n")


def test_lost_tasks_begin_again_elsewhere_and_what_waits_for_them_waits(make_cluster, tmp_path):
    first, second, last = task("train one"), task("train two"), task("eval", "train one", "train two", kind="eval")
    cluster = make_cluster({"train one": ["NodeDiedError: gone", Report(fault="CUDA error", crash=True)]})
    note_start(tmp_path, first, "b")
    taken, log, said = drive([first, second, last], cluster, tmp_path)
    assert taken == ["train two", "train one", "eval"]
    assert [(n, a, avoid) for n, a, avoid in cluster.given if n == "train one"] == [
        ("train one", 0, ()), ("train one", 1, ("b",)), ("train one", 2, ("b",)),
    ]  # fmt: skip
    assert [(one["task"], one["attempt"], one["ended"]) for one in log if one["task"] == "train one"] == [
        ("train one", 0, "NodeDiedError: gone"), ("train one", 1, "CUDA error"), ("train one", 2, "done"),
    ]  # fmt: skip
    assert log[0]["host"] == "host-b"
    assert "it is begun again and goes on where it was" in said


def test_faults_of_all_tasks_come_at_once_and_the_others_are_finished(make_cluster, tmp_path):
    tasks = [task("bad"), task("doomed"), task("good"), task("eval bad", "bad"), task("eval good", "good")]
    cluster = make_cluster({"bad": [Report(fault="no memory")], "doomed": ["killed"] * 9})
    with pytest.raises(LorafairError) as caught:
        drive(tasks, cluster, tmp_path)
    said = str(caught.value)
    assert "bad: no memory\n" in said  # a user's fault is not tried again
    assert "doomed: killed (begun 3 times)" in said
    assert "eval bad: not begun" in said
    assert "good" not in said
    assert [name for name, *_ in cluster.given if name.startswith("eval")] == ["eval good"]


def test_nothing_waits_for_a_node_that_is_gone(make_cluster, tmp_path):
    large = replace(task("large"), need=Need(4, 0.0))
    cluster = make_cluster({"lost": ["NodeDiedError: gone"]}, nodes=(Node("a", "a", 2, 0, 8e9),))
    with pytest.raises(LorafairError) as caught:
        drive([replace(task("lost"), need=Need(4, 0.0)), large, task("small")], cluster, tmp_path)
    assert "lost: NodeDiedError: gone; no node that is left could hold it" in str(caught.value)
    assert "large: not begun; no node that is left could hold it" in str(caught.value)
    assert cluster.cancelled == ["large"]
    assert "small" not in str(caught.value)


def test_ctrl_c_takes_the_running_tasks_back(make_cluster, tmp_path):
    tasks = [task("a"), task("b"), task("late", "a", "b")]
    cluster = make_cluster(interrupt="b")
    with pytest.raises(KeyboardInterrupt):
        drive(tasks, cluster, tmp_path)
    assert cluster.cancelled == ["a", "b"]
    assert "late" not in [name for name, *_ in cluster.given]


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """An audit's folder with its token; the process's own place, arguments and environment come back afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["worker", "--password=x"])
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(work, "PATIENCE", 0.0)
    write_token(tmp_path / "out", "t")
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"here": Path("/no/such/folder")}, "node has no folder /no/such/folder"),
        ({"token": "another"}, "it is another folder there"),
        ({"versions": {"python": "2.7"}}, "there, 2.7 here"),
    ],
)
def test_a_node_that_sees_something_else_says_so(shared, changes, message):
    report = do_task(task("x"), context(shared, **changes), "id", "node", 0)
    assert message in report.fault
    assert not report.crash


def test_a_node_does_a_task_once_on_the_drivers_base_with_what_it_was_told(shared, tiny_base):
    plan = EvaluationPlan(str(tiny_base), (), ("no_such_task",), shared, "hf")
    one = task("x", kind="eval", plans=(plan,))
    report = do_task(one, context(shared, hashes={"one": "0" * 64}), "id", "node", 0)
    assert "has other weights on node than on the driver" in report.fault
    locks = shared / ".launch" / "locks"
    with open(locks / one.slug, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        report = do_task(one, context(shared), "id", "node", 0)
    assert "Another process still works on x" in report.fault
    missing = Task("eval", "one", "y", Need(), (), (), reads=(shared / "runs/r/provenance.json",))
    assert "does not see" in do_task(missing, context(shared), "id", "node", 0).fault
    report = do_task(one, context(shared, environment={"LORAFAIR_X": "1"}), "id", "node", 0)
    assert "no_such_task" in report.fault  # it came to the work itself
    assert os.environ["LORAFAIR_X"] == "1"
    assert sys.argv == ["lorafair", "audit"]
    kinds = [json.loads(line)[:3] for line in find_notes(shared, one).read_text().splitlines()]
    assert kinds[0] == ["start", "id", "node"]
