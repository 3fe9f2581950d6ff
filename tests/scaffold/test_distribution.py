"""`lorafair plugins new`: what it writes, how little of it a person has to write, and what it refuses."""

import ast
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.errors import LorafairError
from lorafair.registry import KINDS
from lorafair.scaffold.distribution import NEW_KINDS, render_distribution, write_distribution


def code_lines(text: str) -> list[str]:
    """The lines that are neither blank nor part of a docstring."""
    tree = ast.parse(text)
    quoted = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            quoted |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return [line for i, line in enumerate(text.splitlines(), start=1) if line.strip() and i not in quoted]


def test_a_scorer_is_at_most_twelve_lines_of_python_and_three_of_toml():
    texts = render_distribution("scorer", "politeness")
    python = [line for line in texts["lorafair_politeness/scorer.py"].splitlines() if line.strip()]
    assert len(python) <= 12  # docstrings and all
    assert len(code_lines(texts["lorafair_politeness/scorer.py"])) <= 4
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project["entry-points"] == {"lorafair.scorers": {"politeness": "lorafair_politeness.scorer:politeness"}}
    toml = texts["pyproject.toml"].splitlines()
    start = toml.index('[project.entry-points."lorafair.scorers"]')
    assert len(toml[start : toml.index("", start)]) <= 3


@pytest.mark.parametrize("kind", NEW_KINDS)
def test_every_kind_is_small_and_formatted(kind):
    texts = render_distribution(kind, "my_own_thing")
    code = texts[f"lorafair_my_own_thing/{kind}.py"]
    assert len(code_lines(code)) <= 50
    assert all(len(line) <= 120 for text in texts.values() for line in text.splitlines())
    assert all(text.endswith("\n") and not text.endswith("\n\n") and "{" + "%" not in text for text in texts.values())
    assert set(NEW_KINDS) == set(KINDS) - {"model", "group"}


def test_files_lie_where_the_command_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["plugins", "new", "task", "my_jobs"])
    assert done.exit_code == 0, done.output
    named = {line.removeprefix("wrote ") for line in done.output.splitlines() if line.startswith("wrote ")}
    assert named == {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert "lorafair-my-jobs/lorafair_my_jobs/my_jobs.yaml" in named
    assert "cd lorafair-my-jobs && " in done.output


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("scorers", "mine", "Did you mean 'scorer'"),
        ("scorer", "My-Score", "Did you mean 'my_score'"),
        ("scorer", "../mine", "is no name"),
        ("scorer", "", "is no name"),
        ("scorer", "9", "is no name"),
        ("scorer", "class", "Python's own.*'class_scorer'"),
        ("scorer", "float", "Python's own"),
        ("scorer", "profanity", "there already, from lorafair"),
        ("metric", "tasks", "package lorafair_tasks is installed"),
        ("metric", "average", "used inside"),
        ("trainer", "torch", "used inside"),
    ],
)
def test_names_that_cannot_be_used(kind, name, expected, tmp_path):
    with pytest.raises(LorafairError, match=expected):
        write_distribution(kind, name, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_and_all_faults_come_at_once(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "work.py").write_text("important", encoding="utf-8")
    with pytest.raises(LorafairError, match="(?s)profanity.*there is there already"):
        write_distribution("scorer", "profanity", tmp_path / "there")
    with pytest.raises(LorafairError, match="nothing is overwritten"):
        write_distribution("scorer", "mine", tmp_path / "there" / "work.py")
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "work.py"]


def test_an_empty_folder_is_used_and_a_closed_one_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    assert all(Path(path).is_file() for path in write_distribution("scorer", "mine", tmp_path / "empty"))
    with pytest.raises(LorafairError, match="cannot be written|cannot be read"):
        write_distribution("scorer", "mine", Path("/proc/nowhere/new"))
