"""What a process knows of the others that train with it, and that they train what one would."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from lorafair.trainers.share import Shares
from safetensors.torch import load_file

from lorafair.errors import LorafairError
from lorafair.process import agree, count_processes, is_first, share_batch, wait

SEVERAL, SHARDED = (str(Path(__file__).with_name(name)) for name in ("several.py", "sharded.py"))


def launch(asked, folder, script=SEVERAL):
    """Losses by step of each plan, trained by two processes under torchrun."""
    wanted, found = folder / "wanted.json", folder / "found.json"
    wanted.write_text(json.dumps(asked), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, wanted, found], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr.partition("Traceback")[2][:5000]
    assert done.stderr.count(" steps in ") == sum(plan.get("stop") is None for plan in asked)  # one speaks
    return [{int(step): loss for step, loss in one.items()} for one in json.loads(found.read_text(encoding="utf-8"))]


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


def test_every_example_of_a_step_is_taken_once_whatever_the_number_of_processes(monkeypatch):
    """Seventeen examples in steps of eight: the order of accelerate's own sampler, and a filler where one is short."""
    from accelerate.data_loader import SeedableRandomSampler

    examples, sampler = list(range(17)), SeedableRandomSampler(list(range(17)), data_seed=3)
    for epoch in (0, 2):
        sampler.set_epoch(epoch)
        order = list(sampler)
        taken = []
        for rank in range(4):
            monkeypatch.setenv("WORLD_SIZE", "4")
            monkeypatch.setenv("RANK", str(rank))
            shares = Shares(examples, 2, seed=3)
            shares.set_epoch(epoch)
            taken.append(list(shares))
            assert len(shares) == len(taken[-1]) == 3
        steps = [[place for part in step for place in part] for step in zip(*taken, strict=True)]
        assert [place for step in steps for place in step if place >= 0] == order
        assert steps[-1] == [order[16], *[-1 - order[16]] * 3]


@pytest.mark.soak
def test_two_processes_train_what_one_trains_and_each_goes_on_with_the_others_save(
    tiny_encoder, tiny_base, write_texts, tmp_path
):
    """Every step's loss, over four epochs whose last step has one example: none is left for the second process."""
    train = runpy.run_path(SEVERAL)["train"]
    texts = str(write_texts(tmp_path / "texts.jsonl", 17))
    rows = [{"prompt": f"The man {i} works as a", "completion": " baker" + "!" * (i % 5)} for i in range(17)]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shared = {"ranks": [2], "lr": 5e-3, "settings": {"batch_size": 8, "epochs": 4.0}}
    encoder = {"base": str(tiny_encoder), "data": texts, "trainer": "classify", "methods": ["lora"], **shared}
    decoder = {"base": str(tiny_base), "data": texts, "trainer": "classify", "methods": ["full"], **shared, "ranks": []}
    causal = {"base": str(tiny_base), "data": str(pairs), "methods": ["lora"], **shared}
    groups = {"objective": "group_dro", "objective_options": {"least": 1, "step_size": 0.5}}
    plans = [encoder, decoder, causal, causal | {"micro_batch": 2}, encoder | groups]
    broken = [
        {**plan, "out": str(tmp_path / f"broken{i}"), "stop": 5} for i, plan in enumerate((causal, encoder | groups))
    ]
    for plan in broken:
        train(plan)
    alone = [train({**plan, "micro_batch": None, "out": str(tmp_path / f"alone{i}")}) for i, plan in enumerate(plans)]
    asked = [{**plan, "out": str(tmp_path / f"both{i}")} for i, plan in enumerate(plans)]
    asked += [{**plan, "stop": None} for plan in broken]
    asked += [{**plan, "out": f"{plan['out']}-too"} for plan in broken]
    both = launch(asked, tmp_path)
    for one, two in zip(alone, both[: len(plans)], strict=True):
        assert list(one) == list(range(1, 13))
        assert max(one.values()) - min(one.values()) > 0.05
        assert two == pytest.approx(one, abs=1e-3)
    for reference, resumed, stopped, plan in zip((alone[2], alone[4]), both[5:7], both[7:], broken, strict=True):
        rest = {step: loss for step, loss in reference.items() if step > 5}
        assert resumed == pytest.approx(rest, abs=1e-3)
        assert stopped == pytest.approx({step: loss for step, loss in reference.items() if step <= 5}, abs=1e-3)
        assert train({**plan, "out": f"{plan['out']}-too", "stop": None}) == pytest.approx(rest, abs=1e-3)
    for out in [*(tmp_path / f"both{i}" for i in range(len(plans))), *(tmp_path / f"broken{i}" for i in (0, 1))]:
        (folder,) = out.iterdir()
        assert json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]["steps"] == 12


@pytest.mark.soak
def test_a_sharded_model_trains_as_a_whole_one_and_is_written_whole_by_one_process(tiny_base, pair_file, tmp_path):
    train = runpy.run_path(SEVERAL)["train"]
    shared = {"base": str(tiny_base), "data": str(pair_file), "lr": 5e-3, "settings": {"batch_size": 8}}
    plans = [{**shared, "methods": ["lora"], "ranks": [2]}, {**shared, "methods": ["full"]}]
    plans.append({**plans[0], "methods": ["pissa"]})
    alone = [train({**plan, "out": str(tmp_path / f"alone{i}")}) for i, plan in enumerate(plans)]
    both = launch([{**plan, "out": str(tmp_path / f"both{i}")} for i, plan in enumerate(plans)], tmp_path, SHARDED)
    for number, (one, two) in enumerate(zip(alone, both, strict=True)):
        assert len(one) == 5
        assert two == pytest.approx(one, abs=1e-3)
        wanted, found = (
            load_file(next((tmp_path / f"{name}{number}").rglob("*.safetensors"))) for name in ("alone", "both")
        )
        assert set(found) == set(wanted)
        assert all(found[name].shape == tensor.shape for name, tensor in wanted.items())
        if number < 2:  # what an SVD of noise starts from may turn its sign
            assert max(float((found[name] - tensor).abs().max()) for name, tensor in wanted.items()) < 1e-3
