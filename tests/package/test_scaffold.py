"""What `lorafair plugins new` writes works unedited: it builds, passes its own tests, and `plugins check` accepts it."""

import os
import re
import subprocess
import sys
import zipfile

import pytest

from lorafair.scaffold.distribution import render_distribution

pytestmark = pytest.mark.package
KINDS = ("task", "dataset", "scorer", "metric", "method", "trainer", "objective", "probe", "engine")
BUILD = """
import os, sys
from setuptools import build_meta
out, *folders = sys.argv[1:]  # setuptools writes to sys.argv
for folder in folders:
    os.chdir(folder)
    build_meta.build_wheel(out)
"""


def test_every_kind_passes_its_own_tests_and_the_check(shell, tmp_path):
    for kind in KINDS:
        shell(f"lorafair plugins new {kind} new_{kind} --out {kind}")
    folders = [str(tmp_path / kind) for kind in KINDS]
    command = [sys.executable, "-c", BUILD, str(tmp_path / "wheels"), *folders]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for wheel in (tmp_path / "wheels").glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(tmp_path / "site")  # what installing a wheel of plain Python is
    shell.environment["PYTHONPATH"] = str(tmp_path / "site")
    tests = " ".join(f"{kind}/tests" for kind in KINDS)
    assert " passed" in shell(f"pytest -q -c {os.devnull} --rootdir . --import-mode=importlib {tests}")
    listed = shell("lorafair plugins list")
    assert [kind for kind in KINDS if f"lorafair-new-{kind} 0.1.0" not in listed] == []
    checked = shell("lorafair plugins check " + " ".join(f"new_{kind}" for kind in KINDS))
    assert [kind for kind in KINDS if f"new_{kind}" not in checked] == []
    assert "6 ok, 0 not checked, 0 with faults; 3 untried." in checked


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_of_each_readme_names_the_plugin(kind):
    commands = [line for line in render_distribution(kind, "mine")["README.md"].splitlines() if "plugins" not in line]
    assert any(re.match(r"\s*(\$ )?lorafair .*\bmine\b", line) for line in commands), commands
