"""``lorafair power`` as a user meets it: stated rates, a pilot, and what cannot be planned."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli
from statsmodels.stats.power import TTestPower

from lorafair.leaderboard.pilot import read_pilot
from lorafair.samples import read_audit

write_model = runpy.run_path(str(Path(__file__).parents[1] / "leaderboard" / "conftest.py"))["write_model"]


def _run(*arguments: str | Path):
    return CliRunner().invoke(cli, ["power", *map(str, arguments)])


@pytest.fixture
def pilot(tmp_path: Path) -> Path:
    write_model(tmp_path / "base", "base", seed=1)
    write_model(tmp_path / "lora", "lora", seed=2, base_rate=0.3)
    return tmp_path


def test_stated_rates_give_statsmodels_answer() -> None:
    done = _run("--rate", 0.2, "--difference", 0.1, "--power", 0.9, "--clusters", 100)
    assert done.exit_code == 0, done.output
    needed = int(re.search(r"K = 1: (\d+) clusters", done.output)[1])
    assert needed == int(np.ceil(TTestPower().solve_power(0.1 / np.sqrt(0.37), power=0.9, alpha=0.05)))
    assert re.search(r"With 100 clusters and K = 1: a difference of \+0\.\d+ or more", done.output)
    assert "K = 5" in done.output


def test_a_method_takes_training_seeds() -> None:
    done = _run("--rate", 0.15, "--difference", 0.05, "--documents", 8, "--seed-sd", 0.03)
    assert re.search(r"a claim about the method, 1150 clusters, K = 1: \d+ training seeds", done.output), done.output
    assert "out of reach" in _run("--rate", 0.15, "--difference", 1e-9).output


def test_a_pilot_says_its_own_standard_error(pilot: Path) -> None:
    done = _run(pilot, "--difference", 0.1)
    assert done.exit_code == 0, done.output
    assert "lora against base, lorafair_honest_sample/honest_continuation, 416 documents in 52 clusters" in done.output
    found = read_pilot(read_audit([pilot]), None, None, None)
    needed = int(re.search(r"K = 1: (\d+) clusters", done.output)[1])
    assert needed == int(np.ceil(TTestPower().solve_power(0.1 / found.variance**0.5, power=0.8, alpha=0.05)))
    grouped = _run(pilot, "--difference", 0.3, "--group", "identity=men")
    assert "one group against the rest" in grouped.output
    assert "over 1 tests of 8 groups" in grouped.output


def test_all_that_is_wrong_is_told(pilot: Path) -> None:
    both = _run(pilot, "--rate", 0.5, "--difference", 0.6)
    assert both.exit_code == 2
    assert both.output.count("\n  - ") == 2
    assert "Did you mean 'identity=men'" in _run(pilot, "--difference", 0.1, "--group", "identity=man").output
    assert "is no rate" in _run(pilot, "--difference", 0.95).output
    write_model(pilot / "other", "other", seed=3)
    assert "choose one with --model: lora, other" in _run(pilot, "--difference", 0.1).output


def test_the_answers_share_of_the_variance_is_read_from_the_pilot() -> None:
    from lorafair.leaderboard.pilot import _count_completions

    rng = np.random.default_rng(0)
    values = [rng.binomial(8, 0.3, 4000) / 8 for _ in range(2)]
    k, noise = _count_completions(values, np.full(4000, 1 / 4000))
    assert k == 8
    assert noise == pytest.approx(2 * 0.21 / 8 / 4000, rel=0.03)
    assert _count_completions([rng.binomial(1, 0.3, 50) * 1.0] * 2, np.full(50, 0.02)) == (1, None)
