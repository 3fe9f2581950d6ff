"""Interrupted training: killed outright, stopped by Ctrl-C, a full disk; the same command ends at the same weights."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.plan import Plan
from lorafair.training import train_runs

STEPS = 160  # 320 pairs, 4 a step, twice


@pytest.fixture(scope="module")
def unbroken(tiny_base, long_pairs, tmp_path_factory):
    """Adapter weights (bytes) and final loss of the run that nobody interrupts."""
    out = tmp_path_factory.mktemp("unbroken")
    (folder,) = train_runs(plan(tiny_base, long_pairs, out), say=lambda _: None)
    return read_result(folder)


def plan(base, data, out, **changes):
    given = {"methods": ("lora",), "ranks": (2,), "settings": {"batch_size": 4, "epochs": 2.0}, **changes}
    return Plan(base=str(base), data=str(data), out=out, **given)


def read_result(folder):
    facts = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]
    return (folder / "adapter_model.safetensors").read_bytes(), facts["final_loss"], facts["steps"]


def start(base, data, out, *more):
    command = [
        sys.executable,
        "-m",
        "lorafair",
        "train",
        "--base",
        base,
        "--data",
        data,
        "--method",
        "lora",
        "--rank",
        2,
    ]
    command += ["--batch-size", 4, "--epochs", 2, "--out", out, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": str(os.environ.get("OMP_NUM_THREADS", "1"))}
    return subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(condition, process):
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, f"it ended first: {process.stderr.read()}"
        assert time.monotonic() < end, "nothing came in two minutes"
        time.sleep(0.002)


def test_killed_training_goes_on_and_ends_like_the_unbroken_run(tiny_base, long_pairs, unbroken, tmp_path):
    saves = tmp_path / ".partial-lora-r2" / "saves"
    process = start(tiny_base, long_pairs, tmp_path, "--save-steps", 5)
    wait_for(lambda: len(list(saves.glob("checkpoint-*/whole"))) >= 2, process)
    process.kill()
    process.communicate()
    assert not (tmp_path / "lora-r2").exists()
    last = max(int(p.parent.name.split("-")[1]) for p in saves.glob("checkpoint-*/whole"))
    assert 0 < last < STEPS
    half = saves / f"checkpoint-{STEPS}"  # a save that the kill cut short must not be taken up
    half.mkdir(exist_ok=True)
    (half / "adapter_model.safetensors").write_bytes(b"half")
    (folder,) = train_runs(plan(tiny_base, long_pairs, tmp_path), say=lambda _: None)
    assert read_result(folder) == unbroken
    assert [p.name for p in tmp_path.iterdir()] == ["lora-r2"]


def test_ctrl_c_saves_says_how_to_go_on_and_exits_with_130(tiny_base, long_pairs, unbroken, tmp_path):
    process = start(tiny_base, long_pairs, tmp_path, "--save-steps", 10)
    saves = tmp_path / ".partial-lora-r2" / "saves"
    wait_for(lambda: any(saves.glob("checkpoint-*/whole")), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "the same command goes on" in err
    stopped = int(err.split("stopped after step ")[1].split(" ")[0])
    assert f"{stopped} of {STEPS}" in err
    assert (saves / f"checkpoint-{stopped}" / "whole").exists()
    with pytest.raises(LorafairError, match=r"lr 0\.0005 there, 0\.001 asked for.*--no-resume"):
        train_runs(plan(tiny_base, long_pairs, tmp_path, lr=1e-3), say=print)
    (folder,) = train_runs(plan(tiny_base, long_pairs, tmp_path), say=lambda _: None)
    assert read_result(folder) == unbroken


@pytest.mark.parametrize("step", [4, 10])
def test_ctrl_c_at_any_step_even_the_last_ends_the_sweep_and_loses_nothing(
    tiny_base, pair_file, tmp_path, monkeypatch, step
):
    from transformers import Trainer

    asked = plan(tiny_base, pair_file, tmp_path / "broken", ranks=(2, 4), settings={"batch_size": 4})
    compute = Trainer.compute_loss

    def press(self, *rest, **named):
        if self.state.global_step == step - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "compute_loss", press)
        with pytest.raises(KeyboardInterrupt):
            train_runs(asked, say=print)
    assert [p.name for p in (tmp_path / "broken").iterdir()] == [".partial-lora-r2"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    broken = train_runs(asked, say=print)
    whole = train_runs(Plan(**{**asked.__dict__, "out": tmp_path / "whole"}), say=print)
    assert [read_result(folder) for folder in broken] == [read_result(folder) for folder in whole]


def test_what_is_done_is_not_trained_again_and_another_run_is_not_overwritten(tiny_base, pair_file, tmp_path):
    said = []
    (folder,) = train_runs(plan(tiny_base, pair_file, tmp_path), say=said.append)
    before = (folder / "provenance.json").read_bytes()
    train_runs(plan(tiny_base, pair_file, tmp_path), say=said.append)
    assert said == [f"trained: {folder}", f"already trained: {folder}"]
    other = plan(tiny_base, pair_file, tmp_path, seeds=(14,), lr=1e-3)
    with pytest.raises(LorafairError, match=r"lr 0\.0005 there, 0\.001 asked for; seed 13 there, 14 .*--overwrite"):
        train_runs(other, say=print)
    assert (folder / "provenance.json").read_bytes() == before
    train_runs(Plan(**{**other.__dict__, "overwrite": True}), say=print)
    assert json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["seeds"] == {"training": 14}
    (tmp_path / "full").mkdir()
    with pytest.raises(LorafairError, match="was not written by `lorafair train`"):
        train_runs(plan(tiny_base, pair_file, tmp_path, methods=("full",), ranks=()), say=print)


def test_a_full_disk_keeps_the_last_save_and_training_goes_on(tiny_base, long_pairs, unbroken, tmp_path, monkeypatch):
    from peft import PeftModel

    save, calls = PeftModel.save_pretrained, []

    def run_full(self, folder, **rest):
        calls.append(folder)
        if len(calls) == 2:
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / "adapter_model.safetensors").write_bytes(b"cut")
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(self, folder, **rest)

    monkeypatch.setattr(PeftModel, "save_pretrained", run_full)
    with pytest.raises(LorafairError, match="disk of .* is full .* MiB free.*same command"):
        train_runs(plan(tiny_base, long_pairs, tmp_path, save_steps=60), say=print)
    saves = tmp_path / ".partial-lora-r2" / "saves"
    assert [p.parent.name for p in saves.glob("*/whole")] == ["checkpoint-60"]
    (folder,) = train_runs(plan(tiny_base, long_pairs, tmp_path), say=lambda _: None)
    assert read_result(folder) == unbroken


def test_what_a_kill_left_beside_a_finished_run_is_removed_and_another_runs_is_not(tiny_base, pair_file, tmp_path):
    asked = plan(tiny_base, pair_file, tmp_path)
    (folder,) = train_runs(asked, say=lambda text: None)
    inputs = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]["inputs"]
    partial = tmp_path / f".partial-{folder.name}"
    for told in (None, inputs, inputs | {"lr": 1.0}):
        partial.mkdir()
        if told is not None:
            (partial / "plan.json").write_text(json.dumps({"settings": {"inputs": told}}), encoding="utf-8")
        train_runs(asked, say=lambda text: None)
        assert partial.exists() == (told not in (None, inputs))
