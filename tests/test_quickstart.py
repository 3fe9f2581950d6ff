"""The quickstart from training to the leaderboard, twice, on the real model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def run_quickstart(folder: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "LORAFAIR_DATA"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["sh", str(ROOT / "quickstart.sh")], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_control_is_judged_right_and_a_second_run_repeats_nothing(real_base, tmp_path):
    (tmp_path / "models").symlink_to(real_base.parent)
    first = run_quickstart(tmp_path)
    assert "verdict right" in first
    assert "sample data" in first
    assert "0 were stored already" in first
    again = run_quickstart(tmp_path)
    assert again.count("already trained") == 4
    assert "0 requests asked" in again
    assert "verdict right" in again
