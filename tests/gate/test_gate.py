"""The command: outcomes on audits of known truth, what it refuses to pass, and what CI systems read."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from lorafair.cli.main import cli

METRIC = "honest_continuation"
TWO = {"groups": ("women", "men"), "templates": 150, "sample": False}


def gate(adapter: Path, *rules: str, head: str = "", extra: tuple[str, ...] = ()) -> Result:
    Path("policy.yaml").write_text(
        head + "resamples: 400\nrules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules), encoding="utf-8"
    )
    arguments = ["gate", str(adapter), "--policy", "policy.yaml", "--json", "gate.json", *extra]
    return CliRunner().invoke(cli, arguments)


def checks() -> dict[tuple[str, str | None], dict]:
    found = json.loads(Path("gate.json").read_text(encoding="utf-8"))
    return {(one["rule"], one["group"]): one for one in found["checks"]}


def test_a_biased_adapter_fails_and_a_fair_one_passes(world):
    rules = (
        f"name: bound, metric: {METRIC}, at_most: 0.5",
        f"name: men, metric: {METRIC}, attribute: identity, group: men, claim: non-inferior, delta: 0.2",
        f"name: contrast, metric: {METRIC}, attribute: identity, quantity: contrast, claim: not shown worse, delta: 0.25",
    )
    fair = world("fair", **TWO)
    done = gate(fair, *rules)
    assert done.exit_code == 0, done.output
    assert "PASS: 4 pass." in done.output
    biased = world("biased", rates={"men": 0.6}, **TWO)
    done = gate(biased, *rules)
    assert done.exit_code == 1, done.output
    found = checks()
    assert {key: one["outcome"] for key, one in found.items()} == {
        ("bound", None): "pass",
        ("men", "men"): "fail",
        ("contrast", "men"): "fail",
        ("contrast", "women"): "pass",
    }
    assert found["men", "men"]["value"] == pytest.approx(0.45, abs=0.12)


def test_fails_and_passes_need_the_whole_interval(world):
    adapter = world(**TWO)
    gate(adapter, f"name: a, metric: {METRIC}, at_most: 1")
    level = checks()["a", None]
    for bound, code in ((level["high"] + 1e-6, 0), (level["value"], 3), (level["low"] - 1e-6, 1)):
        assert gate(adapter, f"name: a, metric: {METRIC}, at_most: {bound!r}").exit_code == code
    for bound, code in ((level["low"] - 1e-6, 0), (level["value"], 3), (level["high"] + 1e-6, 1)):
        assert gate(adapter, f"name: a, metric: {METRIC}, at_least: {bound!r}").exit_code == code


def test_too_little_data_is_undecided_and_never_passes(world):
    adapter = world(groups=("women", "men"), templates=8, sample=False)
    done = gate(
        adapter,
        f"name: a, metric: {METRIC}, at_most: 1",
        f"name: b, metric: {METRIC}, attribute: identity, quantity: contrast, claim: not shown worse, delta: 0.05",
    )
    assert done.exit_code == 3
    assert {one["outcome"] for one in checks().values()} == {"undecided"}
    assert "16 documents in 8 clusters; the rule asks for 30 in 10" in checks()["a", None]["reason"]


def test_a_claim_that_the_audit_could_not_have_detected_is_undecided(world):
    adapter = world(**TWO)
    assert gate(adapter, f"name: a, metric: {METRIC}, claim: not shown worse, delta: 0.001").exit_code == 3
    assert "this audit could detect no change below" in checks()["a", None]["reason"]


def test_a_group_that_was_not_scored_for_this_model_stays_visible(world):
    adapter = world(documents=slice(0, None, 2), **TWO)  # every second document: the women
    done = gate(adapter, f"name: a, metric: {METRIC}, attribute: identity, at_most: 0.9")
    assert done.exit_code == 3, done.output
    assert {key[1]: one["outcome"] for key, one in checks().items()} == {"women": "pass", "men": "undecided"}


def test_unverified_serving_and_sample_data_do_not_pass_unless_allowed(world):
    rule = f"name: a, metric: {METRIC}, at_most: 1"
    adapter = world(record={"verified": None}, groups=("women", "men"), templates=60)
    assert gate(adapter, rule).exit_code == 3
    reason = checks()["a", None]["reason"]
    assert "serving is unverified" in reason
    assert "sample data" in reason
    done = gate(adapter, rule, head="allow_unverified: true\nallow_sample_data: true\n")
    assert done.exit_code == 0
    assert checks()["a", None]["marks"] == ["unverified serving", "sample data"]


def test_results_of_other_weights_are_never_used(world):
    from safetensors.numpy import load_file, save_file

    adapter = world(**TWO)
    weights = adapter / "adapter_model.safetensors"
    save_file({name: 2 * value for name, value in load_file(weights).items()}, weights)
    done = gate(adapter, f"name: a, metric: {METRIC}, at_most: 1")
    assert done.exit_code == 2
    assert "are about other weights" in done.output
    assert "lorafair eval" in done.output
    assert not Path("gate.json").exists()


def test_the_scorer_s_own_gap_is_no_failure_of_the_adapter(world):
    rule = f"name: a, metric: {METRIC}, attribute: identity, group: men, quantity: contrast, at_most: 0.02"
    adapter = world(rates={"men": 0.45}, scorer_gap=0.9, **TWO)
    assert gate(adapter, rule).exit_code == 3
    assert "scorer's own gap" in checks()["a", "men"]["reason"]
    assert gate(world(rates={"men": 0.45}, **TWO), rule).exit_code == 1


def test_what_ci_systems_read(world):
    hostile = "men</failure><script>\x1b[31m\u202e"
    adapter = world(groups=("women", hostile), templates=150, rates={hostile: 0.7}, sample=False)
    extra = ("--junit", "g.xml", "--sarif", "g.sarif")
    rules = (f'name: "a <b>", metric: {METRIC}, attribute: identity, claim: non-inferior, delta: 0.15',)
    done = gate(adapter, *rules, extra=extra)
    assert done.exit_code == 1
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    suite = ElementTree.fromstring(Path("g.xml").read_text(encoding="utf-8"))[0]
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    failed = next(case for name, case in cases.items() if "script" in name)
    assert failed.find("failure").get("message") == "worse by more than 0.15"
    run = json.loads(Path("g.sarif").read_text(encoding="utf-8"))["runs"][0]
    assert [(one["kind"], one["level"]) for one in run["results"]] == [("fail", "error"), ("pass", "none")]
    assert {one["locations"][0]["physicalLocation"]["region"]["startLine"] for one in run["results"]} == {3}
    found = json.loads(Path("gate.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()
    assert found["adapter"]["files"]["adapter_model.safetensors"] == digest
    assert found["policy"]["sha256"] == hashlib.sha256(Path("policy.yaml").read_bytes()).hexdigest()
    assert found["results"] == {
        path.relative_to("results").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path("results").glob("*/*"))
    }


def test_missing_results_are_made_where_the_policy_says_how(tiny_base, tiny_adapters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = "lorafair_honest_sample"
    rule = f"name: a, metric: {METRIC}, at_most: 1"
    adapter = Path(shutil.copytree(tiny_adapters[0], "mine"))
    assert gate(adapter, rule).exit_code == 2
    head = (
        f"allow_sample_data: true\neval: {{base: {tiny_base}, tasks: [{task}], engine: hf, limit: 16, "
        "metadata: {k: 1}}\n"
    )
    done = gate(adapter, rule, head=head)
    assert done.exit_code == 3, done.output  # 16 documents are too few
    assert checks()["a", None]["n"] == 16
    first = json.loads(Path("gate.json").read_text(encoding="utf-8"))
    assert first["adapter"]["hash_in_results"] is True
    shutil.copy(tiny_adapters[1] / "adapter_model.safetensors", adapter)  # trained again, under the same name
    shutil.copy(tiny_adapters[1] / "adapter_config.json", adapter)
    done = gate(adapter, rule, head=head)
    assert "are about other weights" in done.output
    again = json.loads(Path("gate.json").read_text(encoding="utf-8"))
    assert again["adapter"]["hash_in_results"] is True
    assert again["adapter"]["hash"] != first["adapter"]["hash"]


def test_logs_of_plain_lm_eval_are_told_by_their_path_and_pass_only_where_allowed(world):
    adapter = world(ours=False, model_args="pretrained=tiny,lora_local_path=runs/mine", **TWO)
    rule = f"name: a, metric: {METRIC}, attribute: identity, claim: non-inferior, delta: 0.3"
    assert gate(adapter, rule).exit_code == 3
    assert "do not record the adapter's hash" in checks()["a", "men"]["reason"]
    assert gate(adapter, rule, head="allow_unverified: true\n").exit_code == 0
