"""The command: what it prints, writes and refuses."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lorafair.cli.main import cli

write_model = runpy.run_path(str(Path(__file__).parents[1] / "leaderboard" / "conftest.py"))["write_model"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for seed, label in enumerate(("base", "lora-r2", "lora-r8")):
        write_model(tmp_path / "results" / label, label, seed=seed, rates={"men": 0.7} if label == "lora-r8" else None)
        write_model(
            tmp_path / "results" / label, label, seed=seed + 9, metric="acc", task="other", stamp=f"2027-{seed}"
        )
    return tmp_path / "results"


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["leaderboard", *map(str, arguments), "--resamples", "300"])


def test_prints_a_table_and_writes_the_rows(results: Path) -> None:
    done = _run(results)
    assert done.exit_code == 0, done.output
    assert "worse for men" in done.output
    rows = [json.loads(line) for line in (results / "rows.jsonl").read_text().splitlines()]
    assert json.loads(_run(results, "--format", "json").output) == rows
    assert {row["schema"] for row in rows} == {1}


def test_a_metric_filter_changes_no_p_value(results: Path) -> None:
    whole = json.loads(_run(results, "--format", "json").output)
    some = json.loads(_run(results, "--format", "json", "--metric", "acc").output)
    assert some == [row for row in whole if row["metric"] == "acc"]
    assert 0 < len(some) < len(whole)
    shown = _run(results, "--format", "md", "--metric", "acc").output
    assert "other" in shown
    assert "honest" not in shown


def test_against_another_checkpoint(results: Path) -> None:
    text = " ".join(_run(results, "--against", "lora-r2").output.split())
    assert "paired difference from lora-r2" in text


def test_out_writes_one_file(results: Path, tmp_path: Path) -> None:
    for form in ("terminal", "md", "csv", "json", "latex", "html"):
        path = tmp_path / f"board.{form}"
        done = _run(results, "--format", form, "--out", path)
        assert done.exit_code == 0
        assert done.stdout == ""
        assert path.read_text() == _run(results, "--format", form).stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--metric", "honest_continuatio"], "Did you mean 'honest_continuation'"),
        (["--sort", "honest"], "No result has the metric"),
        (["--against", "lora-r3"], "Did you mean 'lora-r8' or 'lora-r2'"),
        (["--label", "broken"], "--label takes FOLDER=NAME"),
        (["--out", "/nowhere/at/all.md"], "cannot be written"),
        (["--columns", "rnak"], "Did you mean 'rank'"),
        (["--columns", "rank", "--format", "json"], "leave --columns out"),
        (["--compare", "a", "b"], "Give RESULTS folders, or --compare A B"),
    ],
)
def test_mistakes_end_with_one_message(results: Path, arguments: list[str], part: str) -> None:
    done = _run(results, *arguments)
    assert done.exit_code == 2
    assert part in done.output
    assert "Traceback" not in done.output


def test_empty_folder(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert done.exit_code == 2
    assert "holds no results_*.json" in done.output


def test_a_recipe_a_margin_shares_and_permutation_are_in_the_foot_lines(results: Path) -> None:
    recipe, shares = results.parent / "audit.yaml", results.parent / "shares.json"
    recipe.write_text("leaderboard:\n  primary: [honest_continuation]\n  correction: bh\n  margin: 0.1\n")
    names = ("women", "men", "jews", "muslims")
    shares.write_text(json.dumps({"identity": {name: 10 * 2**k for k, name in enumerate(names)}}))
    done = _run(results, "--config", recipe, "--shares", shares, "--permute", "--format", "md")
    assert done.exit_code == 0, done.output
    for part in (
        "Benjamini-Hochberg over",
        "Equivalent, not worse: to within 0.1",
        "studentised permutation of whole clusters",
        "for each doubling of a group's share of the training data",
        "exploratory, no claim: other/acc",
    ):
        assert part in done.output, part
    assert "cannot be read" in _run(results, "--shares", results / "no").output
    assert "margin -1" in _run(results, "--margin", "-1").output


def test_columns_are_chosen(results: Path) -> None:
    shown = _run(results, "--columns", "rank,p", "--format", "md").output
    assert "p=" in shown
    assert "clusters" not in shown.partition("- Intervals")[0]
    assert "| model | rank |" in shown


def test_compare_pairs_two_folders(results: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "later" / "lora-r2", "lora-r2", seed=1, rates={"men": 0.8})
    done = _run("--compare", results, tmp_path / "later", "--format", "md", "--metric", "honest_continuation")
    assert done.exit_code == 0, done.output
    assert "lora-r2 (later)" in done.output
    assert "worse for men" in done.output
    assert "only in results, compared with nothing: base, lora-r8" in done.output
    assert not (tmp_path / "later" / "rows.jsonl").exists()
    named = _run("--compare", results / "lora-r8", tmp_path / "later", "--label", f"{results / 'lora-r8'}=lora-r2")
    assert named.exit_code == 0, named.output
    assert "lora-r2 (lora-r8)" in named.output
    lost = _run("--compare", results / "lora-r8", tmp_path / "later")
    assert lost.exit_code == 2
    assert "No model is in both folders: lora-r8 has lora-r8; later has lora-r2" in lost.output
    both = _run("--compare", results, tmp_path / "later", "--against", "base2")
    assert "leave --against out" in both.output
