"""The evaluation from the user's side, on tiny models with the hf engine: asked once, resumed, byte for byte the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.errors import LorafairError
from lorafair.evaluation import EvaluationPlan, evaluate
from lorafair.routing import route_checkpoints
from lorafair.serving.prompt import PAIRS, REPEATS
from lorafair.settings import parse_settings
from lorafair.task import load_tasks

TASK = "lorafair_honest_sample"


def plan(base, checkpoints, out, **changes):
    settings = {"engine": "hf", "limit": 16, "tasks": (TASK,), "metadata": {"k": 2}}
    return EvaluationPlan(base=str(base), checkpoints=tuple(map(str, checkpoints)), out=out, **(settings | changes))


def run(*args, **kwargs):
    said: list[str] = []
    return evaluate(plan(*args, **kwargs), said.append), said


def samples(out, label):
    (path,) = (out / label).glob("samples_*.jsonl")
    return path.read_text(encoding="utf-8")


def test_a_second_run_asks_nothing_and_a_further_checkpoint_only_its_own(tiny_base, tiny_adapters, tiny_full, tmp_path):
    first, _ = run(tiny_base, [tiny_adapters[0], tiny_full], tmp_path)
    assert (first.asked, first.stored) == (3 * 16 * 3, 0)
    before = {label: samples(tmp_path, label) for label in ("base", "tiny-r2", "tiny-full")}
    again, _ = run(tiny_base, [tiny_adapters[0], tiny_full], tmp_path)
    assert (again.asked, again.stored) == (0, 3 * 16 * 3)
    more, _ = run(tiny_base, [*tiny_adapters, tiny_full], tmp_path)
    assert (more.asked, more.stored) == (16 * 3, 3 * 16 * 3)
    assert {label: samples(tmp_path, label) for label in before} == before
    assert len(set(before.values())) == 3


def test_results_are_lm_eval_s_own_and_carry_where_they_came_from(tiny_base, tiny_adapters, tmp_path):
    outcome, _ = run(tiny_base, [f"mine={tiny_adapters[1]}"], tmp_path)
    found = json.loads(outcome.results["mine"].read_text(encoding="utf-8"))
    assert {"results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config"} <= set(found)
    table = found["results"][TASK]
    assert {"honest_continuation,none", "honest_topk,none", "toxicity_profanity,none"} <= set(table)
    assert "honest_continuation:identity=women,none" in table
    ours = found["lorafair"]
    assert (ours["label"], ours["kind"], ours["rank"], ours["engine"]) == ("mine", "adapter", 4, "hf")
    assert ours["provenance"]["versions"]["transformers"]
    assert f"lora_local_path={tiny_adapters[1]}" in found["config"]["model_args"]


def test_answers_under_other_settings_are_not_compared(tiny_base, tiny_adapters, tmp_path):
    from lorafair.samples import read_audit

    run(tiny_base, [tiny_adapters[0]], tmp_path, limit=8)
    assert len(read_audit([tmp_path], {}).models) == 2
    run(tiny_base, [], tmp_path, limit=8, metadata={"k": 1})
    with pytest.raises(LorafairError, match=r"different settings: k 1 \(base\) against 2 \(tiny-r2\)"):
        read_audit([tmp_path], {})


def test_weights_that_are_no_numbers_are_refused_before_anything_is_asked(tiny_base, tiny_adapters, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_adapters[0], broken)
    weights = load_file(broken / "adapter_model.safetensors")
    name = sorted(key for key in weights if "lora_B" in key)[0]
    weights[name][0, 0] = float("nan")
    save_file(weights, broken / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LorafairError, match="broken: .* NaN"):
        run(tiny_base, [tiny_adapters[1], broken], tmp_path / "results")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 0}, "--limit 0"),
        ({"gen_kwargs": {"temperature": "abc"}}, "temperature"),
        ({"gen_kwargs": {"num_frogs": 3}}, "num_frogs"),
        ({"device": "toaster"}, "--device toaster"),
    ],
)
def test_settings_that_make_no_sense_get_one_message(tiny_base, tmp_path, changes, message):
    with pytest.raises(LorafairError, match=message):
        run(tiny_base, [], tmp_path, **changes)


def test_an_adapter_that_names_another_base_is_refused_unless_the_user_says_it_is_the_same(
    tiny_base, tiny_adapters, tmp_path
):
    import shutil

    named = tmp_path / "named"
    shutil.copytree(tiny_adapters[0], named)
    config = json.loads((named / "adapter_config.json").read_text())
    (named / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "someone/else"}))
    with pytest.raises(LorafairError, match="--any-base"):
        run(tiny_base, [named], tmp_path / "results", limit=8)
    _, said = run(tiny_base, [named], tmp_path / "results", limit=8, any_base=True)
    assert any("someone/else" in line for line in said)


def test_another_base_in_the_same_results_is_refused(tiny_base, tmp_path, llama_maker):
    run(tiny_base, [], tmp_path / "results", limit=8)
    other = llama_maker(tmp_path / "other", seed=9)
    with pytest.raises(LorafairError, match="another base"):
        run(other, [], tmp_path / "results", limit=8)


def test_ctrl_c_while_generating_says_how_to_go_on(tiny_base, tmp_path):
    command = [sys.executable, "-m", "lorafair", "eval", "--base", str(tiny_base), "--task", TASK, "--engine", "hf"]
    command += ["--out", str(tmp_path), "--batch-size", "1", "--metadata", "k=3", "--limit", "100"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    verified = REPEATS * len(PAIRS)
    while sum(path.read_bytes().count(b"\n") for path in (tmp_path / "responses").glob("*.jsonl")) <= verified:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from there" in errors
    assert "Traceback" not in errors
    outcome, _ = run(tiny_base, [], tmp_path, limit=100, metadata={"k": 3}, batch_size=1)
    assert outcome.stored > 0


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"target_modules": ["lm_head"]}, "lm_head"),
        ({"rank": 520, "target_modules": ["q_proj"]}, "520"),
        ({"modules_to_save": ["lm_head"]}, "lm_head"),
        ({"bias": "lora_only"}, "biases"),
    ],
)
def test_what_vllm_cannot_serve_goes_to_hf_with_a_reason_and_is_refused_under_vllm(
    tiny_base, tiny_adapters, tmp_path, adapter_maker, monkeypatch, config, reason
):
    monkeypatch.setattr("lorafair.routing.is_vllm_here", lambda: True)
    base = read_base(str(tiny_base))
    odd = adapter_maker(tiny_base, tmp_path / "odd", **config)
    found = read_checkpoints([str(tiny_adapters[0]), str(odd)], base)
    routes, lines = route_checkpoints(base, found, "auto")
    assert {name: [c.label for c in served] for name, served in routes.items()} == {
        "vllm": ["base", "tiny-r2"],
        "hf": ["odd"],
    }
    assert len(lines) == 1
    assert reason in lines[0]
    with pytest.raises(LorafairError, match=reason):
        route_checkpoints(base, found, "vllm")


def test_an_adapter_that_was_routed_to_hf_is_answered_and_says_so(tiny_base, tmp_path, adapter_maker):
    odd = adapter_maker(tiny_base, tmp_path / "odd", use_dora=True)
    outcome, said = run(tiny_base, [odd], tmp_path / "results", engine="auto", limit=8, metadata={"k": 1})
    assert len(said) == 1
    assert "hf" in said[0]
    assert json.loads(outcome.results["odd"].read_text())["lorafair"]["engine"] == "hf"


def test_an_unknown_task_gets_a_suggestion():
    with pytest.raises(LorafairError, match=r"Did you mean '?lorafair_honest"):
        load_tasks(["lorafair_honst"], {})


def test_lm_eval_s_own_tasks_are_found_by_their_folder_and_a_missing_data_set_is_no_traceback():
    from lorafair.task import find_task_folders

    assert any(folder.name == "hellaswag" for folder in find_task_folders(["hellaswag"]))
    with pytest.raises(LorafairError, match="hellaswag"):
        load_tasks(["hellaswag"], {})


def test_settings_are_read_from_json_or_pairs_and_a_slip_is_named():
    assert parse_settings('{"k": 5, "x": [1]}', "--metadata") == {"k": 5, "x": [1]}
    assert parse_settings("do_sample=True,temperature=0.7,top_k=3,name=abc", "--gen-kwargs") == {
        "do_sample": True,
        "temperature": 0.7,
        "top_k": 3,
        "name": "abc",
    }
    for wrong in ("k:5", "{k: 5}"):
        with pytest.raises(LorafairError, match="--metadata"):
            parse_settings(wrong, "--metadata")
