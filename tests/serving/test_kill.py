"""Killed at random moments and resumed, an audit ends byte for byte like one that nobody touched, apart from times."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

TASK = "lorafair_honest_sample"
TIMES = ("date", "start_time", "end_time", "total_evaluation_time_seconds", "created")


def audit(base, checkpoints, *arguments):
    """The command; it writes to ``results`` in the folder where it runs, so that it reads the same in every audit."""
    command = [sys.executable, "-m", "lorafair", "eval", "--base", str(base), "--task", TASK]
    return [*command, *arguments, *(a for path in checkpoints for a in ("--checkpoint", str(path)))]


def start(command, folder):
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def run(command, folder):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def count_answers(folder):
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("results/responses/*.jsonl"))


def read_results(folder: Path) -> dict[str, str]:
    """Every results and samples file of an audit by model and kind, without what tells the time."""
    found = {}
    for path in sorted(folder.glob("results/*/*_*.json*")):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("results_"):
            text = json.dumps(without_times(json.loads(text)), indent=1)
        found[f"{path.parent.name}/{path.name.split('_20')[0]}"] = text
    return found


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def kill_at_random(command, folder, kills, seed, patience=600):
    """Start the audit until it was killed ``kills`` times at a random number of answers or moment, then let it end."""
    chance = random.Random(seed)
    killed = 0
    while killed < kills:
        process, began, had = start(command, folder), time.monotonic(), count_answers(folder)
        early = chance.random() < 0.25
        answers, moment = had + chance.randint(1, 12), chance.uniform(0, 8)
        while process.poll() is None:
            waited = time.monotonic() - began
            if waited > moment if early else count_answers(folder) >= answers:
                process.send_signal(signal.SIGKILL)
                killed += 1
                break
            assert waited < patience
            time.sleep(0.005)
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
        if process.returncode == 0:
            break
    return killed


def run_kills(tiny_base, tiny_adapters, tiny_full, tmp_path, kills, *more):
    checkpoints, settings = [*tiny_adapters, tiny_full], ("--engine", "hf", "--limit", str(8 * kills // 10 + 8), *more)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command = audit(tiny_base, checkpoints, *settings)
    run(command, whole)
    broken.mkdir()
    assert kill_at_random(command, broken, kills, seed=kills) >= kills // 2
    run(command, broken)
    expected, found = read_results(whole), read_results(broken)
    assert len(expected) == 2 * 4
    for name, text in expected.items():
        assert found[name] == text, name


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_twenty_random_kills(tiny_base, tiny_adapters, tiny_full, tmp_path):
    """Unverified, so that a start takes less time; the hundred of `make soak` are verified."""
    run_kills(tiny_base, tiny_adapters, tiny_full, tmp_path, 20, "--no-verify")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hundred_random_kills(tiny_base, tiny_adapters, tiny_full, tmp_path):
    run_kills(tiny_base, tiny_adapters, tiny_full, tmp_path, 100)


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_vllm_survives_a_killed_worker_and_a_killed_driver(real_base, adapter_maker, full_maker, tmp_path):
    """The worker's death is mended within the run; the driver's by the next one; what both leave is the unbroken end."""
    checkpoints = [adapter_maker(real_base, tmp_path / "lora", 4, seed=3), full_maker(real_base, tmp_path / "full")]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    settings = ("--engine", "vllm", "--limit", "40")
    command = audit(real_base, checkpoints, *settings)
    run(command, whole)
    broken.mkdir()
    process = start(command, broken)
    driver = psutil.Process(process.pid)
    for answers, victim in ((220, "worker"), (300, "driver")):
        while count_answers(broken) < answers:
            assert process.poll() is None, process.stderr.read()[-2000:]
            time.sleep(0.01)
        (worker,) = driver.children()
        os.kill(worker.pid if victim == "worker" else process.pid, signal.SIGKILL)
    _, errors = process.communicate()
    assert "The engine died (its process was ended by SIGKILL" in errors
    psutil.wait_procs([worker], timeout=30)
    done = run(command, broken)
    assert " 0 were stored" not in done.stdout
    expected, found = read_results(whole), read_results(broken)
    assert len(expected) == 2 * 3
    for name, text in expected.items():
        assert found[name] == text, name
