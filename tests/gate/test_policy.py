"""Policies are validated whole: every fault in one message, with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from lorafair.cli.main import cli

from lorafair.errors import LorafairError
from lorafair.gate.judgement import judge_bounds, judge_claim
from lorafair.gate.policy_file import read_policy
from lorafair.records import Comparison

FAULTY = """\
schema: 1
allow_smaple_data: true
rules:
  - name: a
    metrik: honest
    at_most: yes
  - name: b
    metric: x
    claim: non-inferor
    delta: 0.1
  - name: c
    metric: x
  - name: d
    metric: y
    claim: equivalent
  - name: e
    metric: y
    group: men
    at_least: 2
    at_most: 1
"""


def faults_of(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LorafairError) as caught:
        read_policy(path)
    return str(caught.value)


def test_every_fault_at_once_with_its_line(tmp_path):
    said = faults_of(tmp_path / "p.yaml", FAULTY)
    for line, part in {
        2: "'allow_smaple_data'. Did you mean 'allow_sample_data'",
        5: "'metrik'. Did you mean 'metric'",
        6: "give a number",
        9: "Did you mean 'non-inferior'",
        11: "requires nothing",
        13: "needs delta",
        16: "nothing can satisfy both; group needs the attribute",
    }.items():
        assert re.search(rf"line {line}: [^\n]*{re.escape(part)}", said), (line, said)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("rules: [", "is not YAML"),
        ("- a", "is no mapping"),
        ("rules: []", "line 1: rules: "),
        ("rules: [{name: a, metric: m, at_most: .nan}]", "finite"),
        ("schema: 2\nrules: [{name: a, metric: m, at_most: 1}]", "line 1: schema: Input should be 1"),
        ("rules:\n  - {name: a, metric: m, metric: n, at_most: 1}", "line 2: 'metric' is given twice"),
        ("rules:\n  - &r {name: a, metric: m, at_most: 1}\n  - *r", "an anchor that is used again"),
        ("rules:\n" + "  - {name: a, metric: m, at_most: 1}\n" * 2, "rules of one name: 'a'"),
        ("eval: {base: b}\nrules: [{name: a, metric: m, at_most: 1}]", "line 1: eval.tasks: is missing"),
    ],
)
def test_a_fault_is_named(tmp_path, text, part):
    assert part in faults_of(tmp_path / "p.yaml", text)


def test_schema_of_policies_is_printed():
    import json

    done = CliRunner().invoke(cli, ["gate", "--policy-schema"])
    assert done.exit_code == 0
    assert "at_most" in json.loads(done.output)["$defs"]["Rule"]["properties"]


numbers = st.floats(-2, 2).map(lambda value: round(value, 3))


@given(numbers, numbers, numbers, numbers, st.sampled_from(["better", "worse", "undecided", "no claim"]))
def test_outcomes_agree_with_where_the_truth_can_lie(one, other, at, margin, verdict):
    """Whatever value the interval allows, a pass is right and a fail is right."""
    low, high = min(one, other), max(one, other)
    delta = abs(margin) + 0.001
    change = Comparison(
        reference="base", quantity="level", difference=(low + high) / 2, low=low, high=high, method="", p=None,
        p_adjusted=None, minimum_detectable=None, documents=9, clusters=9, verdict=verdict,
    )  # fmt: skip
    tests = {
        judge_bounds(low, high, at, None)[0]: lambda truth: truth <= at,
        judge_bounds(low, high, None, at)[0] + " ": lambda truth: truth >= at,
        judge_claim("non-inferior", delta, change, False)[0] + "  ": lambda truth: truth < delta,
        judge_claim("non-inferior", delta, change, True)[0] + "   ": lambda truth: -truth < delta,
        judge_claim("equivalent", delta, change, None)[0] + "    ": lambda truth: abs(truth) < delta,
    }
    for outcome, holds in tests.items():
        allowed = {holds(truth) for truth in (low, (low + high) / 2, high)}
        if outcome.strip() in ("pass", "fail"):
            assert allowed == {outcome.strip() == "pass"}
    assert judge_claim("not shown worse", delta, change, True)[0] != "pass" or verdict == "better"
