"""A stranger's method, trainer and data set, a dozen lines each: trained, evaluated, and told by name when they fail."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.data.pairs import load_pairs
from lorafair.errors import LorafairError
from lorafair.plan import Plan
from lorafair.training import train_runs

POINTS = """
[lorafair.datasets]
acme_pairs = acme_train:pairs
[lorafair.methods]
acme = acme_train:values_only
[lorafair.trainers]
acme = acme_train:fit
"""
CODE = """
def pairs():
    for who in ("woman", "man"):
        for number in range(4):
            yield {"prompt": f"The {who} works as", "completion": " a doctor.", "groups": {"gender": [who]}}

def values_only(rank):
    from peft import LoraConfig
    return LoraConfig(r=rank, lora_alpha=rank, target_modules=["v_proj"], task_type="CAUSAL_LM")

def fit(base, data, method, out, lr, seed):
    import torch
    from peft import get_peft_model
    torch.manual_seed(seed)
    model = get_peft_model(base.fresh(), method)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr)
    for example in data.tokenise(base.tokenizer, 64).examples:
        loss = model(**{key: torch.tensor([ids]) for key, ids in example.items()}).loss
        loss.backward()
        optimizer.step()
    for config in model.peft_config.values():
        config.base_model_name_or_path = base.name
    model.save_pretrained(out)
    return out
"""


def plan(base, out, **changes):
    settings = {"methods": ("acme",), "ranks": (2,), "trainer": "acme", "data": "acme_pairs"} | changes
    return Plan(base=str(base), out=out, **settings)


def test_they_train_through_the_command_and_the_adapter_is_evaluated(stranger, tiny_base, tmp_path):
    stranger.install(POINTS, {"acme_train.py": CODE})
    command = ["train", "--base", str(tiny_base), "--data", "acme_pairs", "--method", "acme", "--trainer", "acme"]
    command += ["--rank", "2", "--lr", "0.5", "--out", str(tmp_path / "runs")]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "runs" / "acme-r2"
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (2, 2, ["v_proj"])
    assert not (folder / "plan.json").exists()
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert told["settings"]["method"] == "acme"
    assert told["settings"]["inputs"]["method_origin"] == "acme-fair 2.0"
    assert told["settings"]["inputs"]["trainer_origin"] == "acme-fair 2.0"
    assert told["data"]["acme_pairs"]["origin"] == "acme-fair 2.0"
    assert "already trained" in CliRunner().invoke(cli, command).output
    asked = ["eval", "--base", str(tiny_base), "--checkpoint", str(folder), "--task", "lorafair_honest_sample"]
    asked += ["--engine", "hf", "--limit", "4", "--metadata", "k=1", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    assert "acme-r2" in done.output


def test_ours_and_theirs_are_a_product(stranger, tiny_base, tmp_path):
    stranger.install(POINTS, {"acme_train.py": CODE})
    ours = plan(tiny_base, tmp_path / "a", trainer="sft", settings={"max_length": 64}, save_steps=100)
    (mixed,) = train_runs(ours, lambda line: None)
    assert json.loads((mixed / "adapter_config.json").read_text(encoding="utf-8"))["target_modules"] == ["v_proj"]
    (mixed,) = train_runs(plan(tiny_base, tmp_path / "b", methods=("lora",)), lambda line: None)
    targets = json.loads((mixed / "adapter_config.json").read_text(encoding="utf-8"))["target_modules"]
    assert len({name.split(".")[-1] for name in targets}) == 7


def test_the_data_set_brings_groups(stranger):
    stranger.install(POINTS, {"acme_train.py": CODE})
    rows = load_pairs("acme_pairs").rows
    assert [row["groups"]["gender"] for row in rows] == [["woman"]] * 4 + [["man"]] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("for who in", "for who in missing and"), r"dataset 'acme_pairs' \(acme_train:pairs, from acme-fair 2\.0\)"),
        (('"prompt": f', '"promt": f'), "no column prompt"),
        (("return LoraConfig(", "return LoraConfig(rnk=1, "), r"method 'acme' \(.*\) failed on acme-r2: TypeError"),
        (("optimizer.step()", "optimizer.stop()"), r"trainer 'acme' \(.*\) failed on acme-r2: AttributeError"),
        (("return out", "return None"), r"trainer 'acme' \(.*\) did not train acme-r2: it returned None"),
        (("return out", "return out.parent"), "is no folder below the `out` that it was given"),
        (("model.save_pretrained(out)", ""), "holds neither adapter_config.json nor config.json"),
    ],
)
def test_what_they_do_wrong_is_told_by_name_and_nothing_is_put_in_place(stranger, tiny_base, tmp_path, change, message):
    stranger.install(POINTS, {"acme_train.py": CODE.replace(*change)})
    with pytest.raises(LorafairError, match=message):
        train_runs(plan(tiny_base, tmp_path / "runs", lr=0.5), lambda line: None)
    assert not (tmp_path / "runs" / "acme-r2").exists()


def test_a_setting_that_their_trainer_does_not_know_is_not_dropped_in_silence(stranger, tiny_base, tmp_path):
    stranger.install(POINTS, {"acme_train.py": CODE})
    with pytest.raises(LorafairError, match="The trainer 'acme' takes no epochs. Leave out --epochs"):
        train_runs(plan(tiny_base, tmp_path, settings={"epochs": 3.0}), lambda line: None)
