"""Two processes under torchrun train as one does, write once, and an interrupted run goes on in another number of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import psutil
import pytest
from safetensors.torch import load_file

from lorafair.errors import LorafairError
from lorafair.process import agree, count_processes, is_first, share_batch, wait

STEPS = 400  # 24 texts, 6 a step, 100 times


def start(base, data, out, processes):
    """`lorafair train` in one process, or under torchrun."""
    asked = ["lorafair", "train", "--base", base, "--data", data, "--trainer", "classify", "--method", "lora"]
    asked += ["--rank", 2, "--batch-size", 6, "--epochs", 100, "--lr", 0.001, "--save-steps", 20, "--out", out]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes] if processes > 1 else []
    command = [str(part) for part in [sys.executable, *launcher, "-m", *asked]]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes)


def finish(process):
    """What it printed, once it has ended well."""
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-3000:]
    return out, err


def break_off(process, saves):
    """Kill all of it as soon as one save is whole; the step of the last whole one."""
    end = time.monotonic() + 600
    while not list(saves.glob("checkpoint-*/whole")):
        assert process.poll() is None, process.stderr.read()[-3000:]
        assert time.monotonic() < end
        time.sleep(0.005)
    for one in [*psutil.Process(process.pid).children(recursive=True), process]:
        one.kill()
    process.communicate()
    return max(int(path.parent.name.split("-")[1]) for path in saves.glob("checkpoint-*/whole"))


def read_facts(folder):
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]


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


@pytest.mark.soak
def test_two_processes_train_what_one_trains_and_each_goes_on_with_the_others_save(
    tiny_encoder, labelled_file, tmp_path
):
    given = (tiny_encoder, labelled_file)
    said = [finish(start(*given, tmp_path / f"{number}", number))[0] for number in (1, 2)]
    for number, other in ((1, 2), (2, 1)):
        out = tmp_path / f"{number}{other}"
        step = break_off(start(*given, out, number), out / ".partial-lora-r2" / "saves")
        assert 0 < step < STEPS
        told, err = finish(start(*given, out, other))
        said.append(told)
        assert f"going on after step {step}" in err
    assert all(text.count("trained:") == text.count("next:") == 1 for text in said)
    runs = [tmp_path / name for name in ("1", "2", "12", "21")]
    assert all([path.name for path in run.iterdir()] == ["lora-r2"] for run in runs)
    facts = [read_facts(run / "lora-r2") for run in runs]
    assert all(fact["steps"] == STEPS and fact["inputs"] == facts[0]["inputs"] for fact in facts)
    assert [fact["final_loss"] for fact in facts[1:]] == pytest.approx([facts[0]["final_loss"]] * 3, abs=1e-3)
    weights = [load_file(run / "lora-r2" / "adapter_model.safetensors") for run in runs]
    for name, tensor in weights[0].items():
        assert all(float((found[name] - tensor).abs().max()) < 1e-3 for found in weights[1:])
