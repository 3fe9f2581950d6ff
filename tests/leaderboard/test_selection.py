"""Columns to choose, marks that stay, the same numbers in each format, and two folders compared."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.leaderboard.flat import render_csv
from lorafair.leaderboard.latex import render_latex
from lorafair.leaderboard.line import Line, build_lines, is_certain
from lorafair.leaderboard.page import render_html
from lorafair.leaderboard.pairing import pair_audits
from lorafair.leaderboard.render import render_markdown, render_terminal
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.leaderboard.selection import COLUMNS, choose_columns
from lorafair.samples import read_audit

NUMBER = re.compile(r"[-+]?\d*\.\d{3}")
FORMATS = {
    "terminal": lambda found, lines, *chosen: render_terminal(found, lines, 200, *chosen),
    "md": render_markdown,
    "latex": render_latex,
    "html": render_html,
}


@pytest.fixture
def made(audit_folder: Path) -> tuple[Rows, list[Line]]:
    found = build_rows(read_audit([audit_folder]), resamples=300)
    return found, build_lines(found.rows, bases=["base"], against=None)


def test_every_format_holds_the_same_numbers(made: tuple[Rows, list[Line]]) -> None:
    found = {
        form: sorted(NUMBER.findall(re.sub(r"&#?\w+;|\$-\$", "-", render(*made, frozenset(COLUMNS)))))
        for form, render in FORMATS.items()
    }
    assert len(found["md"]) > 200
    assert found["html"] == found["md"]
    assert found["latex"] == found["md"]
    assert found["terminal"] == found["md"]


def test_marks_stay_whatever_is_chosen(audit_folder: Path) -> None:
    path = next((audit_folder / "lora-r8").glob("results_*.json"))
    path.write_text(path.read_text().replace('"verified": "changes log-probabilities"', '"verified": null'))
    found = build_rows(read_audit([audit_folder]), resamples=300)
    lines = build_lines(found.rows, bases=["base"], against=None)
    for form, render in FORMATS.items():
        text = render(found, lines, choose_columns("rank"))
        for part in ("sample data", "unverified serving", "planted control", "undecided", "significant"):
            assert part in text, (form, part)
        assert "416" not in text.replace("lorafair_honest_sample", ""), form
    flat = next(csv.DictReader(io.StringIO(render_csv(lines[2:], choose_columns("rank")))))
    assert "unverified serving" in flat.values()
    assert "sample data" in flat.values()
    assert "undecided" in flat.values()
    assert not [key for key in flat if key.endswith((" low", " n", " p adjusted", "difference"))]


def test_each_column_can_be_left_out(made: tuple[Rows, list[Line]]) -> None:
    whole = render_markdown(*made, frozenset(COLUMNS))
    for name in COLUMNS:
        assert len(render_markdown(*made, frozenset(COLUMNS) - {name})) < len(whole), name
    with pytest.raises(LorafairError, match=r"(?s)'ranks'.*Did you mean 'rank'.*'x'"):
        choose_columns("ranks,x")
    with pytest.raises(LorafairError, match="names no column"):
        choose_columns(" ,")


def test_the_star_is_the_adjusted_p_and_the_interval(made: tuple[Rows, list[Line]]) -> None:
    changes = [c for row in made[0].rows for c in row.comparisons]
    for change in changes:
        without = change.low is not None and change.high is not None and not change.low <= 0 <= change.high
        assert is_certain(change) == bool(without and change.p_adjusted is not None and change.p_adjusted <= 0.05)
    assert any(is_certain(change) for change in changes)
    line = next(line for line in made[1] if line.model == "planted")
    men = next(c for key, c in next(iter(line.cells.values())).contrasts.items() if key[1] == "men")
    assert f"[{men.low:+.3f}, {men.high:+.3f}] *" in render_terminal(*made, 200)


def test_sections_stand_between_pinned_lines_and_methods(tmp_path: Path, write) -> None:
    write(tmp_path / "base", "base", seed=1)
    for k, (label, record) in enumerate(
        {"d": {"method": "dora"}, "l2": {"rank": 2}, "l1": {"rank": 1}, "f": {"method": "full", "kind": "full"}}.items()
    ):
        write(tmp_path / label, label, seed=k + 2, record=record)
    found = build_rows(read_audit([tmp_path]), resamples=200)
    lines = build_lines(found.rows, bases=["base"], against=None)
    assert [line.model for line in lines] == ["base", "f", "d", "l1", "l2"]
    latex = render_latex(found, lines)
    main = latex.split(r"\bottomrule")[0]
    assert main.count(r"\midrule") == 3  # under the header, under the pinned lines, between dora and lora


def test_two_folders_pair_by_label(tmp_path: Path, write) -> None:
    for folder, shift in (("before", 0.0), ("after", 0.55)):
        write(tmp_path / folder / "base", "base", seed=1)
        write(tmp_path / folder / "a", "a", seed=2, rates={"men": 0.15 + shift})
    write(tmp_path / "after" / "new", "new", seed=5)
    found, lines = pair_audits(read_audit([tmp_path / "before"]), read_audit([tmp_path / "after"]), resamples=300)
    assert [line.model for line in lines] == ["base (before)", "base (after)", "a (before)", "a (after)", "new (after)"]
    assert [line.reference for line in lines] == [None, "base (before)", None, "a (before)", None]
    cells = [next(iter(line.cells.values())) for line in lines]
    assert cells[3].fairness == "worse for men"
    assert cells[3].level is not None
    assert cells[3].level.difference == pytest.approx(cells[3].overall.estimate - cells[2].overall.estimate)
    assert cells[1].level is not None
    assert cells[1].level.difference == 0
    assert found.family == {"a (before)": (1, 1), "base (before)": (1, 1)}
    assert "only in after, compared with nothing: new" in " ".join(found.notes)
    with pytest.raises(LorafairError, match="two different folders"):
        pair_audits(read_audit([tmp_path / "after"]), read_audit([tmp_path / "after"]))


def test_folders_without_anything_in_common(tmp_path: Path, write) -> None:
    write(tmp_path / "x" / "base", "base", seed=1, documents=slice(0, 200))
    write(tmp_path / "y" / "base", "base", seed=1, documents=slice(200, 416))
    write(tmp_path / "z" / "b", "b", seed=1)
    one, other, third = (read_audit([tmp_path / name]) for name in "xyz")
    found, lines = pair_audits(one, other, resamples=200)
    assert all(next(iter(line.cells.values())).level is None for line in lines)
    assert "no document in both folders" in " ".join(found.notes)
    with pytest.raises(LorafairError, match=r"x has base; z has b"):
        pair_audits(one, third)
