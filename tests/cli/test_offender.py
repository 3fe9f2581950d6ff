"""Strangers' scorers that misbehave beside good ones, through the commands and in real processes."""

from __future__ import annotations

import csv
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lorafair.cli.main import cli

from lorafair.isolation import close_plugins
from lorafair.registry import _read_registry

HERE = Path(__file__).parents[1]
write_distribution = runpy.run_path(str(HERE / "offender.py"))["write_distribution"]
write_model = runpy.run_path(str(HERE / "leaderboard" / "conftest.py"))["write_model"]
GOOD = ("acme_fine", "hurtlex_sample")
FAILING = {
    "acme_raises": "ZeroDivisionError",
    "acme_hangs": "did not answer within 5 s",
    "acme_short": "scores for",
    "acme_words": "where a number was expected",
    "acme_crashes": "SIGSEGV",
    "acme_nan": "gave no number (None or NaN) for any of",
    "absent": "ModuleNotFoundError",
}
MEDDLING = ("acme_meddles", "acme_talks")


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The offender's distribution, installed here and, by PYTHONPATH, in processes of our own."""
    folder = write_distribution(tmp_path_factory.mktemp("site"))
    monkeypatch.syspath_prepend(str(folder))
    _read_registry.cache_clear()
    yield folder
    close_plugins()
    _read_registry.cache_clear()


def write_answers(folder: Path, label: str, seed: int) -> None:
    """A model's results with generated answers, some of them hurtful by the sample lexicon."""
    write_model(folder, label, seed=seed, templates=12)
    (path,) = folder.glob("samples_*.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines):
        hit = line["honest_continuation"]
        line["resps"] = [[f"{'a liar' if hit else 'a nurse'} {'x' * (number % 9)}"]]
        line["arguments"] = {"gen_args_0": {"arg_0": "The", "arg_1": {"until": ["\n"]}}}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def score(results: Path, *names: str) -> Result:
    return call("score", results, *(part for name in names for part in ("--scorer", name)))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(part) for part in arguments])


def lines_of(results: Path, label: str) -> list[str]:
    found = (results / label / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted(line for line in found if json.loads(line)["scorer"] in GOOD)


def test_offenders_lose_their_own_columns_and_touch_nobody_elses(site: Path, tmp_path: Path) -> None:
    clean, mixed = tmp_path / "clean", tmp_path / "mixed"
    for seed, label in enumerate(("base", "lora-r8")):
        write_answers(clean / label, label, seed)
    shutil.copytree(clean, mixed)
    quiet = score(clean, *GOOD)
    assert (quiet.exit_code, quiet.stderr) == (0, "")

    names = ("acme_meddles", "acme_raises", *GOOD, *list(FAILING)[1:], "acme_talks")
    command = [sys.executable, "-m", "lorafair", "score", str(mixed), "--plugin-timeout", "5"]
    command += [part for name in names for part in ("--scorer", name)]
    env = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "loading" not in done.stdout
    for name, words in FAILING.items():
        (told,) = [line for line in done.stderr.splitlines() if line.startswith(f"  - {name}: ")]
        assert words in told
        assert "acme-offender 1.0" in told
    for name in MEDDLING:
        assert f"Note: the scorer {name!r}" in done.stderr
    for label in ("base", "lora-r8"):
        assert lines_of(mixed, label) == lines_of(clean, label)
        assert len(lines_of(clean, label)) == 2 * 12 * 8

    rows = {}
    for results in (clean, mixed):
        shown = call("leaderboard", results, "--format", "json", "--resamples", 200)
        assert (shown.exit_code, shown.stderr) == (0, "")
        rows[results] = json.loads(shown.stdout)
    failed = {row["metric"]: row["failed"] for row in rows[mixed] if row["failed"]}
    assert set(failed) == {f"toxicity_{name}" for name in FAILING}
    good = {row["metric"] for row in rows[clean]}
    assert good == {"honest_continuation", "toxicity_acme_fine", "toxicity_hurtlex_sample"}
    # The meddlers' columns are numbers too, so the family that p values are adjusted over is larger: nothing else is.
    for row in (row for each in rows.values() for row in each):
        for one in row["comparisons"]:
            one["p_adjusted"] = one["verdict"] = None
        row["notes"] = []
    assert [row for row in rows[mixed] if row["metric"] in good] == rows[clean]
    for row in rows[mixed]:
        assert row["metric"] in good | set(failed) | {f"toxicity_{name}" for name in MEDDLING}


def test_every_format_says_failed_and_numbers_beside_it_are_byte_for_byte_the_same(site: Path, tmp_path: Path) -> None:
    clean, mixed = tmp_path / "clean", tmp_path / "mixed"
    for seed, label in enumerate(("base", "lora-r8")):
        write_answers(clean / label, label, seed)
    shutil.copytree(clean, mixed)
    score(clean, "acme_fine")
    assert score(mixed, "acme_fine", "acme_raises").exit_code == 1

    def show(results: Path, form: str) -> str:
        done = call("leaderboard", results, "--format", form, "--resamples", 200)
        assert done.exit_code == 0, done.output
        return done.stdout

    whole = json.loads(show(mixed, "json"))
    assert [row for row in whole if not row["failed"]] == json.loads(show(clean, "json"))
    for form in ("terminal", "md"):
        text = " ".join(show(mixed, form).replace("\\", "").split())
        assert "Failed: lorafair_honest_sample/toxicity_acme_raises: The scorer 'acme_raises'" in text
        assert "from acme-offender 1.0" in text
        before = text.partition("Failed:")[0]
        assert "failed" in before
    table = list(csv.DictReader(io.StringIO(show(mixed, "csv"))))
    assert all("ZeroDivisionError" in line["lorafair_honest_sample/toxicity_acme_raises failed"] for line in table)
    for line, other in zip(table, csv.DictReader(io.StringIO(show(clean, "csv"))), strict=True):
        assert {key: line[key] for key in other} == other
    facts = json.loads((mixed / "rows.provenance.json").read_text(encoding="utf-8"))["settings"]["metrics"]
    assert facts["rate"]["origin"] == "lorafair"


def test_a_task_whose_hook_raises_is_told_in_one_message_and_its_answers_stay(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lorafair_tasks.honest.task import Honest

    arguments = ["eval", "--base", tiny_base, "--task", "lorafair_honest_sample", "--engine", "hf", "--no-verify"]
    arguments += ["--limit", 4, "--out", tmp_path]
    with monkeypatch.context() as patch:
        patch.setattr(Honest, "process_results", lambda *_: {}["planted"])
        done = call(*arguments)
    assert done.exit_code == 2
    assert "lorafair_honest_sample failed on the stored answers of base: KeyError: 'planted' (test_offender.py:" in (
        done.output
    )
    again = call(*arguments)
    assert again.exit_code == 0, again.output
    assert "0 requests asked" in again.output


def test_an_evaluation_goes_on_without_the_scorer_that_fails(site: Path, tiny_base: Path, tmp_path: Path) -> None:
    arguments = ["eval", "--base", tiny_base, "--task", "lorafair_honest_sample", "--engine", "hf", "--no-verify"]
    arguments += ["--limit", 16, "--out", tmp_path, "--metadata", '{"scorers": "acme_raises,acme_fine,acme_talks"}']
    done = call(*arguments)
    assert done.exit_code == 1, done.output
    assert "lorafair_honest_sample/toxicity_acme_raises: The scorer 'acme_raises'" in done.output
    assert "printed to standard output" in done.output
    shown = call("leaderboard", tmp_path, "--format", "json", "--resamples", 200)
    rows = {row["metric"]: row for row in json.loads(shown.stdout) if row["kind"] == "overall"}
    assert "ZeroDivisionError" in rows["toxicity_acme_raises"]["failed"]
    assert rows["toxicity_acme_fine"]["estimate"] is not None
    (results,) = (tmp_path / "base").glob("results_*.json")
    metadata = json.loads(results.read_text(encoding="utf-8"))["configs"]["lorafair_honest_sample"]["metadata"]
    assert metadata["scorer_versions"]["acme_fine"] == "acme-offender 1.0"
