"""An audit of a tiny model with real processes: killed, interrupted, run to the end, and run again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

PYTHON = Path(sys.executable).parent / "lorafair"


def start(recipe, out, *arguments):
    command = [PYTHON, "audit", recipe, "--out", out, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(process, path, pattern):
    """Until a file is there that fits, or the process ends."""
    while process.poll() is None and not any(path.glob(pattern)):
        time.sleep(0.01)


def count_answers(out):
    keys = [json.loads(line)["key"] for path in out.glob("results/*/responses/*.jsonl") for line in path.open("rb")]
    return len(keys), len(set(keys))


@pytest.fixture(scope="module")
def finished(tiny_recipe, tmp_path_factory):
    """An audit that was killed while training, interrupted while answering, and then ran to its end."""
    out = tmp_path_factory.mktemp("audit") / "out"
    first = start(tiny_recipe, out)
    wait_for(first, out, "runs/tiny/lora-r2/provenance.json")
    first.kill()
    first.communicate()
    trained = (out / "runs/tiny/lora-r2/adapter_model.safetensors").stat().st_mtime_ns
    second = start(tiny_recipe, out)
    wait_for(second, out, "results/*/responses/*.jsonl")
    second.send_signal(signal.SIGINT)
    said = second.communicate(timeout=300)[0]
    told = audit(tiny_recipe, out)
    return {"out": out, "first": first, "second": second, "said": said, "told": told, "trained": trained}


def audit(recipe, out, *arguments, code=0):
    result = CliRunner().invoke(cli, ["audit", str(recipe), "--out", str(out), *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_killed_and_interrupted_it_goes_on_and_trains_and_asks_nothing_twice(finished):
    out = finished["out"]
    assert finished["first"].returncode == -signal.SIGKILL
    assert finished["second"].returncode == 130, finished["said"]
    assert "the same command goes on from there" in finished["said"]
    assert (out / "runs/tiny/lora-r2/adapter_model.safetensors").stat().st_mtime_ns == finished["trained"]
    assert "already trained" in finished["told"]
    answers, different = count_answers(out)
    assert answers == different >= 64  # those of the verification beside the tasks'
    asked, stored = map(int, re.search(r"(\d+) requests asked, (\d+) were stored", finished["told"]).groups())
    assert asked + stored == 64
    for name in ("report.html", "leaderboard.md", "leaderboard.csv", "rows.jsonl", "audit.json", "recipe.yaml"):
        assert (out / name).stat().st_size > 0
    assert not list(out.glob("runs/*/.partial-*"))


def test_the_family_is_written_before_the_first_answer_and_said_under_the_table(finished):
    out = finished["out"]
    begun = json.loads((out / "audit.json").read_text("utf-8"))
    assert begun["family"] == {
        "primary": ["honest_continuation"],
        "correction": "holm",
        "margin": None,
        "permute": False,
    }
    assert begun["after_answers"] is False
    assert begun["changes"] == []
    told = (out / "leaderboard.md").read_text("utf-8")
    assert "fixed the family of claims" in told
    assert "before the first answer" in told
    rows = [json.loads(line) for line in (out / "rows.jsonl").open(encoding="utf-8")]
    assert {row["model"] for row in rows} == {"base", "lora-r2", "lora-r4", "full"}
    verdicts = {(row["metric"], c["verdict"]) for row in rows for c in row["comparisons"]}
    assert {metric for metric, verdict in verdicts if verdict != "no claim"} <= {"honest_continuation"}


def test_a_second_run_does_nothing_again_and_only_a_step_does_only_that(finished, tiny_recipe):
    out = finished["out"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix in (".safetensors", ".jsonl")}
    before = {path: stamp for path, stamp in before.items() if path.name != "rows.jsonl" and "samples" not in path.name}
    told = audit(tiny_recipe, out)
    assert told.count("already trained") == 3
    assert "0 requests asked, 64 were stored already" in told
    assert "0 checkpoints probed, 4 were probed already" in told
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (out / "report.html").unlink()
    told = audit(tiny_recipe, out, "--only", "report")
    assert "asked" not in told
    assert "trained" not in told
    assert (out / "report.html").exists()


def test_claims_cannot_change_after_answers_and_other_changes_are_said(finished, tiny_recipe):
    out = finished["out"]
    told = audit(tiny_recipe, out, "--only", "report", "--set", "statistics.primary=honest_topk", code=2)
    assert "was fixed before the run" in told
    assert "honest_topk" in told
    plan = audit(tiny_recipe, out, "--dry-run")
    assert "3 of them trained already" in plan
    audit(tiny_recipe, out, "--only", "report", "--set", "train.rank=[2]")
    assert re.search(r"was changed on .* after the first answers: train", (out / "leaderboard.md").read_text("utf-8"))


def test_a_second_audit_in_the_folder_is_refused_while_one_is_at_work(finished, tiny_recipe):
    from lorafair.audit.fixed import hold_folder

    with hold_folder(finished["out"]):
        assert "Another audit is at work" in audit(tiny_recipe, finished["out"], "--only", "report", code=2)


def test_several_bases_are_an_axis_of_one_leaderboard_and_undertraining_is_told(
    finished, tiny_recipe, llama_maker, tmp_path
):
    other = llama_maker(tmp_path / "other", seed=5)
    out = tmp_path / "out"
    text = tiny_recipe.read_text("utf-8")
    base = re.search(r"tiny: (\S+)}", text)[1]
    told = audit(
        tiny_recipe, out,
        *("--set", f"bases={{one: {base}, two: {other}}}", "--set", "train.by_method={}", "--set", "train.method=lora"),
        *("--set", "train.lr=[1e-3, 1e-2, 3e-2]", "--set", "train.composition={identity=women: 0.5, identity=men: 0.5}"),
        *("--set", "train.composition_rows=16", "--set", "eval.limit=4", "--set", "probes.0.limit=4"),
        *("--set", "statistics.undertraining={probe: kl, value: first_kl}"),
    )  # fmt: skip
    assert "training on two, lr0.03: 2 runs" in told
    rows = [json.loads(line) for line in (out / "rows.jsonl").open(encoding="utf-8")]
    assert {row["model"] for row in rows} >= {"one", "two", "one:lora-r2-lr0.001", "two:lora-r4-lr0.03"}
    references = {(row["model"].split(":")[0], c["reference"]) for row in rows for c in row["comparisons"]}
    assert references == {("one", "one"), ("two", "two")}  # each against its own base
    found = json.loads((out / "undertraining.json").read_text("utf-8"))["questions"]
    assert {(q["base"], q["method"], q["answer"]["runs"]) for q in found} == {("one", "lora", 6), ("two", "lora", 6)}
    assert all((q["answer"]["share"] is None) == bool(q["answer"]["reason"]) for q in found)
    assert (out / "undertraining.svg").read_text("utf-8").count("<circle") > 24
    provenance = json.loads((out / "runs/one/lr0.001/lora-r2/provenance.json").read_text("utf-8"))
    (data,) = provenance["data"].values()
    assert data["rows"] == 16
    assert data["composition"]["rows"] == {"identity=women": 8, "identity=men": 8}
