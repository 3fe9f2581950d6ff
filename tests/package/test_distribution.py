"""Wheel and sdist: every file is in them, and the wheel works in a fresh environment without the checkout."""

import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.package

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"lorafair": "lorafair", "lorafair_tasks": "lorafair_tasks"}
ROOMS |= {room: f"lorafair/{room}" for room in ("cli", "plugins", "trainers")}
SHIPPED = {".py", ".yaml", ".json", ".jsonl", ".tsv", ".md", ".typed", ".jinja", ".html", ".css", ".js"}


def run(command: list, **kwargs) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, encoding="utf-8", **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shipped_files() -> set[str]:
    """Every file of the rooms, at the place it has in the wheel."""
    return {
        f"{place}/{path.relative_to(ROOT / room).as_posix()}"
        for room, place in ROOMS.items()
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix in SHIPPED and "__pycache__" not in path.parts
    }


def clean_environment(cwd: Path) -> dict:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LORAFAIR", "VIRTUAL"))}
    return {"env": env | {"OMP_NUM_THREADS": "1"}, "cwd": cwd}


def test_wheel_holds_every_file_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
        assert wheel.read("lorafair/registry.yaml") == (ROOT / "registry.yaml").read_bytes()
    assert shipped_files() - names == set()
    info = {name for name in names if ".dist-info/" in name}
    assert names - info - shipped_files() == set()
    assert any(name.endswith("licenses/LICENSE") for name in info)


def test_sdist_holds_every_file_and_the_means_to_check_it(built):
    with tarfile.open(built[0]) as sdist:
        members = {member.name.partition("/")[2]: member for member in sdist.getmembers()}
    inside = {place: room for room, place in ROOMS.items() if room != place}
    for name in shipped_files():
        for place, room in inside.items():
            if name.startswith(f"{place}/"):
                name = f"{room}/{name[len(place) + 1 :]}"
                break
        assert name in members
    assert members["lorafair/registry.yaml"].isfile()
    assert {"Makefile", "registry.yaml", "requirements/cpu.txt", "tests/test_structure.py", "LICENSE"} <= set(members)


def test_installed_wheel_answers_without_the_checkout(installed, tmp_path):
    place = clean_environment(tmp_path)
    where = run([installed / "python", "-c", "import lorafair; print(lorafair.__file__)"], **place).strip()
    assert Path(where).is_relative_to(installed.parent)
    assert "leaderboard" in run([installed / "lorafair", "--help"], **place)
    assert "lorafair_honest_sample" in run([installed / "lorafair", "tasks", "list"], **place)
    assert "smollm2-135m" in run([installed / "lorafair", "plugins", "list"], **place)
    tasks = Path(run([installed / "python", "-m", "lorafair_tasks"], **place).strip())
    assert tasks.is_dir()
    assert tasks.is_relative_to(installed.parent)


def test_every_built_in_target_loads_from_the_wheel(installed, tmp_path):
    code = (
        "from lorafair.registry import KINDS, load_registry, load_target\n"
        "entries = [e for kind in KINDS for e in load_registry().entries(kind) if e.target and e.origin == 'lorafair']\n"
        "print(len([load_target(entry) for entry in entries]))"
    )
    assert int(run([installed / "python", "-c", code], **clean_environment(tmp_path))) >= 12


def test_installed_wheel_evaluates_a_base_and_an_adapter(installed, tmp_path, tiny_base, tiny_adapters):
    place = clean_environment(tmp_path)
    place["env"] |= {"HF_HUB_OFFLINE": "1"}
    command = [installed / "lorafair", "eval", "--engine", "hf", "--limit", "4", "--base", tiny_base]
    command += ["--checkpoint", f"tiny={tiny_adapters[0]}", "--task", "lorafair_honest_sample"]
    run(command, **place)
    for label in ("base", "tiny"):
        assert len(list((tmp_path / "results" / label).glob("results_*.json"))) == 1
        (samples,) = (tmp_path / "results" / label).glob("samples_lorafair_honest_sample_*.jsonl")
        assert len(samples.read_text(encoding="utf-8").splitlines()) == 4
    table = run([installed / "lorafair", "leaderboard", "results", "--format", "md"], **place)
    assert "tiny" in table
    assert "sample" in table
