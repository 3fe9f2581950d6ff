"""docs/gate.md: its policy and its commands are run as they stand, and its CI snippet is YAML."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml
from click.testing import CliRunner
from lorafair.cli.main import cli

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")


def test_the_page_runs_as_it_stands(world):
    world("lora-r8")
    (policy,) = re.findall(r"^```yaml file=policy\.yaml\n(.*?)^```$", PAGE, re.M | re.S)
    Path("policy.yaml").write_text(policy, encoding="utf-8")
    commands = re.findall(r"^\$ lorafair (.*)$", PAGE, re.M)
    assert len(commands) == 3
    done = [CliRunner().invoke(cli, shlex.split(command)) for command in commands]
    assert [one.exit_code for one in done] == [0, 0, 0], [one.output for one in done]
    assert "PASS: 17 pass." in done[0].output
    assert all(Path(name).stat().st_size for name in ("gate.xml", "gate.sarif", "gate.json"))
    assert "Wrote" in done[1].output
    assert "up to date" in done[2].output


def test_the_snippet_names_options_that_there_are():
    (snippet,) = re.findall(r"^```yaml\n(jobs:.*?)^```$", PAGE, re.M | re.S)
    (step,) = [
        one["run"] for one in yaml.safe_load(snippet)["jobs"]["fairness"]["steps"] if "gate" in one.get("run", "")
    ]
    shown = CliRunner().invoke(cli, ["gate", "--help"]).output
    for option in re.findall(r"--[a-z-]+", step):
        assert option in shown
