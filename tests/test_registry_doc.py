"""docs/registry.md: every example in it works as it is printed."""

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.registry import load_registry, read_field
from lorafair.registry_file import KEYS, LOCAL, read_entries

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "registry.md").read_text(encoding="utf-8")
YAML, CODE = (re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S) for language in ("yaml", "python"))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LORAFAIR_REGISTRY", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("capitals", None)


@pytest.mark.parametrize("number", range(len(CODE)))
def test_scorer_passes_the_check_as_it_is_printed(folder, number):
    (folder / "registry.yaml").write_text(YAML[0].replace("    higher_is_better: false\n", "" if number else "    higher_is_better: false\n"), encoding="utf-8")  # fmt: skip
    (folder / "capitals.py").write_text(CODE[number], encoding="utf-8")
    done = CliRunner().invoke(cli, ["plugins", "check", "capitals"])
    assert (done.exit_code, "1 ok" in done.output, "note" in done.output) == (0, True, True)
    assert "note: has no docstring" in done.output
    assert "higher_is_better" not in done.output
    assert read_field(load_registry().get("scorer", "capitals"), "higher_is_better") is False


def test_every_registry_reads_without_fault_and_replaces_what_is_there(folder):
    assert len(YAML) == 3
    for text in YAML:
        assert read_entries(text, "doc", LOCAL, "")[1] == []
        (folder / "registry.yaml").write_text(text, encoding="utf-8")
        assert [entry for kind in KEYS for entry in load_registry().entries(kind) if entry.origin == LOCAL]


def test_commands_and_options_are_there():
    for words in re.findall(r"`lorafair (plugins \w+)", TEXT):
        assert CliRunner().invoke(cli, [*words.split(), "--help"]).exit_code == 0
    for command, option in (("list", "--origin"), ("check", "--kind"), ("check", "--origin"), ("schema", "--path")):
        assert option in CliRunner().invoke(cli, ["plugins", command, "--help"]).output
