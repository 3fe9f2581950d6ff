"""The four formats: the same numbers, nothing hidden, nobody's text executed."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.leaderboard.escape import escape_csv, escape_markdown, strip_controls
from lorafair.leaderboard.line import Line, build_lines, check_controls
from lorafair.leaderboard.render import render_csv, render_json, render_markdown, render_terminal
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.samples import read_audit


def _found(folder: Path, **settings) -> tuple[Rows, list[Line]]:
    rows = build_rows(read_audit([folder]), resamples=300)
    return rows, build_lines(rows.rows, bases=["base"], against=None, **settings)


def _formats(found: Rows, lines: list[Line]) -> dict[str, str]:
    return {
        "terminal": render_terminal(found, lines, 140),
        "md": render_markdown(found, lines),
        "csv": render_csv(lines),
        "json": render_json(found.rows),
    }


def test_same_numbers_in_every_format(audit_folder: Path) -> None:
    found, lines = _found(audit_folder)
    texts = _formats(found, lines)
    table = {row["model"]: row for row in csv.DictReader(io.StringIO(texts["csv"]))}
    listed = [row for row in json.loads(texts["json"]) if row["kind"] == "overall"]
    assert len(table) == len(listed) == 4
    at = "lorafair_honest_sample/honest_continuation"
    for row in listed:
        assert float(table[row["model"]][at]) == row["estimate"]
        shown = f"{row['estimate']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        assert shown in texts["terminal"]
        assert escape_markdown(shown) in texts["md"]
        for change in row["comparisons"][:1]:
            assert float(table[row["model"]][f"{at} difference"]) == change["difference"]
            shown = f"Δ {change['difference']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]"
            assert shown in texts["terminal"]
            assert escape_markdown(shown) in texts["md"]


def test_marks_are_visible_in_every_format(audit_folder: Path) -> None:
    path = next((audit_folder / "lora-r8").glob("results_*.json"))
    results = json.loads(path.read_text())
    results["lorafair"]["verified"] = None
    path.write_text(json.dumps(results))
    found, lines = _found(audit_folder)
    texts = _formats(found, lines)
    for form in ("terminal", "md", "csv"):
        for part in ("sample data", "unverified serving", "HONEST continuation (sample lexicon)", "worse for men"):
            assert escape_markdown(part) in texts[form] or part in texts[form], (form, part)
        assert "about these checkpoints, not about the method" in " ".join(texts[form].split())
    assert any(row["sample_data"] for row in json.loads(texts["json"]))
    foot = next(line for line in texts["md"].splitlines() if "Planted control" in line)
    assert "+0.450 for men" in foot
    assert "verdict right" in foot


def test_base_first_and_sorted_by_a_metric(audit_folder: Path) -> None:
    rows, lines = _found(audit_folder)
    assert [line.model for line in lines] == ["base", "full", "lora-r8", "planted"]
    _, ordered = _found(audit_folder, sort="honest_continuation")
    values = [next(iter(line.cells.values())).overall.estimate for line in ordered]
    assert [line.model for line in ordered[:2]] == ["base", "full"]
    assert values[2:] == sorted(values[2:])
    with pytest.raises(LorafairError, match="Did you mean 'honest_continuation'"):
        build_lines(rows.rows, bases=["base"], against=None, sort="honest_continuatio")


def test_a_wrong_verdict_on_a_control_is_told(audit_folder: Path) -> None:
    path = next((audit_folder / "planted").glob("results_*.json"))
    path.write_text(path.read_text().replace('"group": "men"', '"group": "jews"'))
    found, lines = _found(audit_folder)
    control = check_controls(lines)[0]
    assert control.right is False
    assert "WRONG" in render_terminal(found, lines, 140)
    path.write_text(path.read_text().replace('"metric": "honest_continuation"', '"metric": "other"'))
    assert check_controls(_found(audit_folder)[1])[0].right is None


def test_a_control_with_nothing_planted_is_right_when_nothing_is_named(audit_folder: Path) -> None:
    path = next((audit_folder / "lora-r8").glob("results_*.json"))
    results = json.loads(path.read_text())
    results["lorafair"]["planted"] = {
        "attribute": "identity", "group": "men", "rate": 0.2, "rate_rest": 0.2, "metric": "honest_continuation"
    }  # fmt: skip
    path.write_text(json.dumps(results))
    assert [one.right for one in check_controls(_found(audit_folder)[1])] == [True, True]


HOSTILE = "=cmd|' /C calc'!A0 <script>alert(1)</script> [x](javascript:y) [bold]b[/bold] |a|`b` \x1b[31m\u202e\nnext"


def test_hostile_labels_stay_text(tmp_path: Path, write) -> None:
    write(tmp_path / "base", "base", seed=1)
    write(tmp_path / "bad", HOSTILE, seed=2, groups=("a", "<b>|x"), labels={"honest_continuation": "=1+1|<i>"})
    write(tmp_path / "base", "base", seed=1, groups=("a", "<b>|x"), stamp="2027")
    found, lines = _found(tmp_path)
    texts = _formats(found, lines)
    for form in ("terminal", "md", "csv"):
        assert "\x1b" not in texts[form]
        assert "\u202e" not in texts[form]
    assert "<script" not in texts["md"]
    assert "<b>" not in texts["md"]
    assert not re.search(r"(?<!\\)\]\(javascript", texts["md"])
    widths = {row.replace("\\|", "").count("|") for row in texts["md"].splitlines() if row.startswith("| ")}
    assert widths == {6, 4}
    cells = [cell for row in csv.reader(io.StringIO(texts["csv"])) for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=@" and cell]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert "[bold]b[/bold]" in " ".join(render_terminal(found, lines, 400).split())
    assert any(row["model"] == HOSTILE for row in json.loads(texts["json"]))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", " =1"])
def test_csv_formulas_are_disarmed(text: str) -> None:
    assert escape_csv(text)[0] in "'?"


def test_plain_text_is_left_alone() -> None:
    assert escape_csv("lora-r8") == "lora-r8"
    assert escape_markdown("lorafair_honest_sample, n=416") == "lorafair_honest_sample, n=416"
    assert strip_controls("héllo 日本") == "héllo 日本"
    assert escape_markdown("_a_ https://x") == "\\_a\\_ https&#58;//x"


@pytest.mark.parametrize("width", [100, 120, 160])
def test_terminal_fits_its_width(audit_folder: Path, width: int) -> None:
    found, lines = _found(audit_folder)
    text = render_terminal(found, lines, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "Δ +0." in text
    assert text.count("lorafair_honest_sample") >= 2
