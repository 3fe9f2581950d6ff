"""``lorafair train``: the recipe and the command line, every fault at once, names of folders; no model is trained."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

import lorafair.training
from lorafair.errors import LorafairError
from lorafair.plan import Plan, plan_runs

BASICS = ["--base", "b", "--data", "honest_sample_pairs", "--method", "lora", "--rank", "8"]


@pytest.fixture
def planned(monkeypatch):
    """Calls the command and returns the plan that it would train."""
    plans = []
    monkeypatch.setattr(lorafair.training, "train_runs", lambda plan, say: plans.append(plan) or [])

    def call(*arguments):
        result = CliRunner().invoke(cli, ["train", *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return plans.pop()

    return call


def fail(*arguments):
    result = CliRunner().invoke(cli, ["train", *map(str, arguments)])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    return result.output


def test_defaults_are_the_stated_ones(planned):
    (run,) = plan_runs(planned(*BASICS))
    assert (run.name, run.seed) == ("lora-r8", 13)
    assert run.settings == {
        **{"method": "lora", "rank": 8, "alpha": 16, "alpha_rule": "2r", "target_modules": "all-linear"},
        **{"trainer": "sft", "lr": 5e-4, "epochs": 1.0, "batch_size": 8, "warmup_ratio": 0.0, "weight_decay": 0.0},
        **{"schedule": "linear", "max_length": 512, "dtype": "float32", "precision": "fp32"},
    }


def test_a_sweep_is_methods_by_ranks_by_seeds_full_last(planned):
    plan = planned(*BASICS, "--rank", 2, "--method", "full", "--seed", 1, "--seed", 2, "--alpha", 32)
    runs = plan_runs(plan)
    assert [run.name for run in runs] == [
        *("lora-r8-seed1", "lora-r8-seed2", "lora-r2-seed1", "lora-r2-seed2", "full-seed1", "full-seed2")
    ]
    assert {run.settings["alpha_rule"] for run in runs} == {"fixed", None}
    assert [runs[0].settings["alpha"], runs[-1].settings["alpha"]] == [32, None]
    assert [runs[0].settings["lr"], runs[-1].settings["lr"]] == [5e-4, 5e-5]


def test_the_command_line_beats_the_recipe_and_the_recipe_beats_defaults(planned, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "train:\n  base: m\n  data: honest_sample_pairs\n  method: [lora, full]\n  rank: 4\n  lr: 1e-4\n"
        "  batch-size: 2\n  target-modules: [q_proj, 'v_proj,k_proj']\n  epochs: 3\neval:\n  task: x\n",
        encoding="utf-8",
    )
    plan = planned("--config", recipe, "--rank", 16, "--epochs", 1)
    assert (plan.base, plan.methods, plan.ranks, plan.lr) == ("m", ("lora", "full"), (16,), 1e-4)
    assert plan.target_modules == ("q_proj", "v_proj", "k_proj")
    assert (plan.settings["batch_size"], plan.settings["epochs"]) == (2, 1.0)  # 1.0 is the default, but it was given


def test_every_fault_of_a_recipe_comes_at_once_with_its_line(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "trian: 1\ntrain:\n  rnk: 4\n  rank: zero\n  schedule: round\n  lr: [1, 2]\n  lr: 3\n", encoding="utf-8"
    )
    output = fail("--config", recipe)
    assert "line 1: unknown section 'trian'. Did you mean 'train'" in output
    assert "line 3: unknown key 'rnk' in `train:`. Did you mean 'rank'" in output
    assert "line 4: rank: " in output
    assert "line 5: schedule: " in output
    assert "line 6: lr: give one value" in output
    assert "line 7: 'lr' is given twice" in output


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "not YAML"), ("- 1", "no mapping"), ("eval: {}", "no section `train:`"), (None, "cannot be read")],
)
def test_recipes_that_are_none(tmp_path, text, message):
    path = tmp_path / "recipe.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert message in fail("--config", path)


def test_what_is_missing_is_named():
    output = fail("--rank", 8)
    assert "Missing --base, --data, --method" in output


def test_every_fault_of_a_plan_comes_at_once():
    with pytest.raises(LorafairError) as caught:
        plan_runs(
            Plan(
                "b",
                "d",
                ("lroa", "full"),
                (),
                trainer="sftt",
                lr=0,
                target_modules=("all-linear", "q"),
                settings={"epochs": -1},
            )
        )
    message = str(caught.value)
    for part in (
        "'lroa'. Did you mean 'lora'",
        "'sftt'. Did you mean 'sft'",
        "lr is 0",
        "epochs is -1",
        "all-linear already",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "full", "--rank", "8"], "--rank means nothing to full"),
        (["--method", "lora"], "'lora' needs a rank"),
        (["--method", "lora", "--rank", "2", "--rank", "4", "--name", "x"], "names one run, but 2 are asked for"),
        (["--method", "full", "--name", "../x"], "is no folder name"),
        (["--method", "full", "--base", "no/such/folder"], "no such folder"),
        (["--method", "full", "--data", "honest_smaple_pairs"], "Did you mean 'honest_sample_pairs'"),
    ],
)
def test_faults_end_with_code_2_and_the_mend(tmp_path, arguments, message):
    base = tmp_path / "m"
    base.mkdir()
    (base / "config.json").write_text("{}", encoding="utf-8")
    (base / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    output = fail("--base", base, "--data", "honest_sample_pairs", "--out", tmp_path / "runs", *arguments)
    assert message in output
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no config.json"),
        (["config.json"], "no model.safetensors"),
        (["config.json", "pytorch_model.bin"], "pickles"),
        (["config.json", "model.safetensors"], "not a safetensors file, or was cut off"),
    ],
)
def test_a_base_that_cannot_be_used_is_refused_before_anything_is_written(tmp_path, files, message):
    base = tmp_path / "m"
    base.mkdir()
    for name in files:
        (base / name).write_text("{}", encoding="utf-8")
    output = fail("--base", base, "--data", "honest_sample_pairs", "--method", "full", "--out", tmp_path / "runs")
    assert message in output
    assert not (tmp_path / "runs").exists()
