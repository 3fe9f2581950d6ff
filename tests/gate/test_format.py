"""What CI systems read, held to readers that others wrote: SARIF's own JSON Schema, and a parser of JUnit XML."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

METRIC = "honest_continuation"


@pytest.fixture
def written(world) -> tuple[Path, Path]:
    """A gate of three outcomes and a hostile group name, as JUnit XML and as SARIF."""
    hostile = "men</failure>&\x1b[31m\u202e<"
    adapter = world(groups=("women", hostile), templates=60, rates={hostile: 0.8}, sample=False)
    rules = (
        f"name: well, metric: {METRIC}, at_most: 1",
        f'name: "a <b> & c", metric: {METRIC}, attribute: identity, at_most: 0.4',
        f"name: open, metric: {METRIC}, claim: not shown worse, delta: 0.0001",
    )
    text = "resamples: 400\nrules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules)
    Path("policy file.yaml").write_text(text, encoding="utf-8")
    arguments = ["gate", str(adapter), "--policy", "policy file.yaml", "--junit", "g.xml", "--sarif", "g.sarif"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1, done.output
    return Path("g.xml"), Path("g.sarif")


def test_sarif_fits_its_own_schema(written: tuple[Path, Path]) -> None:
    log = json.loads(written[1].read_text(encoding="utf-8"))
    schema = read_schema()
    checker = validator_for(schema)(schema)
    assert not [fault.message for fault in checker.iter_errors(log)]
    run = log["runs"][0]
    assert {one["kind"] for one in run["results"]} == {"pass", "fail", "open"}
    rules = run["tool"]["driver"]["rules"]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert (one["level"] == "none") == (one["kind"] != "fail")  # section 3.27.10
        (at,) = one["locations"]
        assert at["physicalLocation"]["artifactLocation"]["uri"] == "policy%20file.yaml"
    for broken in (
        log | {"version": "2.0.0"},
        {"version": "2.1.0"},
        log | {"runs": [run | {"tool": {"driver": {}}}]},
        log | {"runs": [run | {"results": [{"ruleId": "x"}]}]},
    ):
        assert list(checker.iter_errors(broken))


def test_a_parser_of_junit_xml_reads_every_check(written: tuple[Path, Path]) -> None:
    (suite,) = JUnitXml.fromfile(str(written[0]))
    cases = list(suite)
    found = [type(result) for case in cases for result in case.result]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 0)
    assert len(cases) == 4
    assert sorted(found, key=str) == sorted([Failure, Error], key=str)
    assert len({(case.classname, case.name) for case in cases}) == 4
    assert all(case.system_out for case in cases)
    (failed,) = [case for case in cases if any(isinstance(one, Failure) for one in case.result)]
    assert failed.classname == "mine.a <b> & c"
    assert "men</failure>&" in failed.name
    assert {one.name for one in suite.properties()} >= {"adapter", "policy"}
