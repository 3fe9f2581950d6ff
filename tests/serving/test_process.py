"""Engines in processes of their own, with real processes that are really killed (tiny models, the hf engine)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.errors import LorafairError
from lorafair.serving.prompt import plan_verification
from lorafair.serving.session import EngineDied, LocalSession, ProcessSession
from lorafair.serving.supervision import Supervisor

SETTINGS = EngineSettings(dtype="float32", batch_size=2)
DEADLY = """
import os, signal
import lorafair.engines.hf as hf
ask = hf.HfEngine._ask_model
def deadly(self, model, requests):
    for request, answer in ask(self, model, requests):
        if request.checkpoint == "tiny-r4" and request.document == 5:
            os.kill(os.getpid(), signal.SIGSEGV)
        yield request, answer
hf.HfEngine._ask_model = deadly
"""


@pytest.fixture
def served(tiny_base, tiny_adapters):
    base = read_base(str(tiny_base))
    return base, read_checkpoints([*map(str, tiny_adapters)], base)


def plan(base, checkpoints):
    return [
        r
        for c in [base, *checkpoints]
        for repeat in plan_verification(c.label, {"checkpoint": c.hash}, 1)
        for r in repeat
    ]


def test_a_process_answers_as_the_engine_does_here_and_survives_a_killed_worker(served):
    base, checkpoints = served
    requests = plan(base, checkpoints)
    here = LocalSession(HfEngine, base, checkpoints, SETTINGS)
    expected = {r.key: answer for r, answer in here.ask(requests)}
    said: list[str] = []
    supervisor = Supervisor(lambda: ProcessSession("hf", base, checkpoints, SETTINGS), said.append)
    found = {}
    for request, answer in supervisor.ask(requests):
        found[request.key] = answer
        if len(found) == 20:
            os.kill(supervisor._session.pid, signal.SIGKILL)
    supervisor.close()
    assert found == {key: pytest.approx(answer) for key, answer in expected.items()}
    assert len(said) == 1
    assert "SIGKILL" in said[0]
    assert not supervisor.failed


def test_the_request_that_kills_the_process_is_named_and_the_rest_is_answered(served, tmp_path, monkeypatch):
    base, checkpoints = served
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    requests = [r for r in plan(base, checkpoints) if r.document < 7 and r.checkpoint != "tiny-r2"]
    supervisor = Supervisor(lambda: ProcessSession("hf", base, checkpoints, SETTINGS), lambda line: None)
    found = {r.key for r, _ in supervisor.ask(requests)}
    supervisor.close()
    assert list(supervisor.failed) == ["tiny-r4"]
    assert "verification, document 5: its process was ended by SIGSEGV" in supervisor.failed["tiny-r4"]
    assert {r.key for r in requests if r.checkpoint != "tiny-r4"} <= found


def test_faults_of_the_user_come_through_and_a_process_that_cannot_start_says_so(served, monkeypatch):
    base, checkpoints = served
    wrong = EngineSettings(dtype="float32", device="toaster")
    session = ProcessSession("hf", base, checkpoints, wrong)
    with pytest.raises(LorafairError, match="--device toaster"):
        list(session.ask(plan(base, checkpoints)))
    session.close()
    monkeypatch.setattr("lorafair.serving.session.sys.executable", "/bin/false")
    session = ProcessSession("hf", base, checkpoints, SETTINGS)
    with pytest.raises(EngineDied, match="ended with 1"):
        list(session.ask(plan(base, checkpoints)))


def test_the_worker_ends_when_its_driver_is_killed(served, tiny_base):
    driver = f"""
import time
from lorafair.checkpoint import read_base
from lorafair.engines.contract import EngineSettings
from lorafair.serving.session import ProcessSession
session = ProcessSession("hf", read_base({str(tiny_base)!r}), [], EngineSettings(dtype="float32"))
print(session.pid, flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(process.stdout.readline()))
    assert worker.is_running()
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the worker lives on without its driver"
        time.sleep(0.1)
