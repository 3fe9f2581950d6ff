"""What a results folder may hold by mistake: one clear message, or one clear mark under the table and in the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

Line = dict[str, Any]


def _edit(folder: Path, change: Callable[[list[Line]], list[Line]]) -> None:
    path = next(folder.glob("samples_*.jsonl"))
    lines = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _each(folder: Path, change: Callable[[Line], Any], every: int = 1) -> None:
    def apply(lines: list[Line]) -> list[Line]:
        for line in lines[::every]:
            change(line)
        return lines

    _edit(folder, apply)


def _text(folder: Path, change: Callable[[str], str]) -> None:
    path = next(folder.glob("samples_*.jsonl"))
    path.write_text(change(path.read_text()))


def _version(folder: Path) -> None:
    path = next(folder.glob("results_*.json"))
    path.write_text(
        path.read_text().replace(
            '"versions": {"lorafair_honest_sample": 1}', '"versions": {"lorafair_honest_sample": 2}'
        )
    )


def _ungroup(folder: Path) -> None:
    for label in ("base", "lora-r8"):
        _each(folder.parent / label, lambda line: line["doc"].pop("groups"))


def _add_attribute(folder: Path) -> None:
    for label in ("base", "lora-r8"):
        _each(folder.parent / label, lambda line: line["doc"]["groups"].update(age=["old"]), every=8)


MARKED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "documents without groups": (_ungroup, "n=416, 52 clusters"),
    "an attribute that few documents have": (_add_attribute, "by age"),
    "other documents": (lambda f: _edit(f, lambda lines: lines[100:]), "over the 316 of 416 documents both have"),
    "repeated documents": (lambda f: _edit(f, lambda lines: lines + lines[:3]), "lora-r8: 3 repeated documents of"),
    "NaN scores": (lambda f: _each(f, lambda line: line.update(honest_continuation=float("nan")), 4), "104 of 416 documents were not scored"),
    "no score for anybody": (lambda f: _each(f, lambda line: line.update(honest_continuation=None)), "lora-r8: lorafair_honest_sample/honest_continuation has no score in any of its 416 documents"),
    "a truncated last line": (lambda f: _text(f, lambda text: text[:-30]), "lora-r8: last line of samples"),
    "a value that is no number": (lambda f: _each(f, lambda line: line.update(metrics=[*line["metrics"], "odd"], odd=[1])), "odd is not one number a document"),
}  # fmt: skip
REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another version of the task": (_version, "task version 1 (base) against 2 (lora-r8)"),
    "an empty file": (lambda f: _text(f, lambda _: ""), "holds no samples"),
    "a file of blank lines": (lambda f: _text(f, lambda _: "\n\n \n"), "holds no samples"),
    "a broken line": (lambda f: _text(f, lambda text: "{oops\n" + text), "jsonl:1 is not JSON"),
    "a line that nests without end": (lambda f: _text(f, lambda text: "[" * 200_000 + "\n" + text), "jsonl:1 is not JSON"),
    "a document number that is a list": (lambda f: _each(f, lambda line: line.update(doc_id=[1])), "is not a sample of lm-eval"),
    "groups that are no mapping": (lambda f: _each(f, lambda line: line["doc"].update(groups=3)), "is not {attribute: [names]}"),
}  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path, write: Callable[..., Path]) -> Path:
    for seed, label in enumerate(("base", "lora-r8")):
        write(tmp_path / "results" / label, label, seed=seed)
    return tmp_path / "results"


@pytest.mark.parametrize("case", MARKED)
def test_it_is_marked(pair: Path, case: str) -> None:
    damage, mark = MARKED[case]
    damage(pair / "lora-r8")
    done = CliRunner().invoke(cli, ["leaderboard", str(pair), "--format", "md", "--resamples", "300"])
    assert done.exit_code == 0, done.output
    assert mark in done.output.replace("\\", "")
    if case in {"NaN scores", "other documents"}:
        out = pair / "report.html"
        page = CliRunner().invoke(cli, ["report", str(pair), "--out", str(out), "--resamples", "300"])
        assert page.exit_code == 0, page.output
        assert mark in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_one_message(pair: Path, case: str) -> None:
    damage, part = REFUSED[case]
    damage(pair / "lora-r8")
    for command in (["leaderboard"], ["report", "--out", str(pair / "r.html")]):
        done = CliRunner().invoke(cli, [*command, str(pair)])
        assert done.exit_code == 2, done.output
        assert part in done.output
        assert "Traceback" not in done.output
