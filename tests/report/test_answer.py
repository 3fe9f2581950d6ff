"""The answer says what the verdicts say, in two sentences, and nothing more certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorafair.leaderboard.line import build_lines
from lorafair.leaderboard.row import build_rows
from lorafair.report.answer import answer, list_warnings
from lorafair.samples import read_audit

TASK = {"t": {"metric": "m", "label": "hurtful", "words": 3, "sample": True}}


def _ask(root: Path, write_audit, models, templates: int = 60) -> tuple[str, str, list[str]]:
    write_audit(root, models, TASK, templates=templates)
    found = build_rows(read_audit([root]), resamples=1000)
    lines = build_lines(found.rows, bases=["base"], against=None)
    return *answer(found, lines), [word for word, _ in list_warnings(lines)]


def test_a_worse_adapter_is_named_with_its_rank_and_group(tmp_path: Path, write_audit) -> None:
    models = {
        "base": {},
        "lora-r8": {"rank": 8, "shift": {"men": 0.6}},
        "quiet": {"rank": 2, "verified": None},
        "full": {"kind": "full", "method": "full"},
        "planted": {"shift": {"women": 0.6}, "planted": {"attribute": "identity", "group": "women", "metric": "m"}},
    }
    first, second, warnings = _ask(tmp_path, write_audit, models)
    assert first.startswith(
        "Of 3 checkpoints, 1 is certainly less fair than base: lora-r8 (rank 8), worse for men in hurtful"
    )
    assert first.endswith("for the other 2 no change is certain.")
    assert "planted" not in first + second
    assert second.startswith("Against full fine-tuning: of 2 checkpoints, 1 is certainly less fair than full")
    assert "not for the method, measured on sample data" in second
    assert warnings == ["sample data", "unverified serving", "planted control", "undecided"]


def test_nothing_certain_is_not_called_equal(tmp_path: Path, write_audit) -> None:
    first, second, _ = _ask(tmp_path, write_audit, {"base": {}, "a": {"rank": 2}, "b": {"rank": 4}})
    assert first.startswith("None of the 2 checkpoints is certainly less fair or fairer than base, which does not mean")
    assert "with 80% power" in first
    assert second.startswith("Nothing is said about full fine-tuning")
    assert first.count(". ") + second.count(". ") == 0


def test_a_fairer_adapter_is_told(tmp_path: Path, write_audit) -> None:
    models = {"base": {"shift": {"men": 0.6}}, "a": {"rank": 2}}
    first, _, _ = _ask(tmp_path, write_audit, models)
    assert (
        first
        == "Of 1 checkpoint, none is certainly less fair than base; 1 is fairer: a (rank 2), better for men in hurtful."
    )


@pytest.mark.parametrize("label", ["base", "alone"])
def test_without_a_comparison_nothing_is_claimed(tmp_path: Path, write_audit, label: str) -> None:
    kind = "base" if label == "base" else "adapter"
    first, second, _ = _ask(tmp_path, write_audit, {label: {"kind": kind}})
    assert first.startswith("No checkpoint was compared with a base, so nothing is claimed")
    assert second == "Nothing is said about full fine-tuning, which was not among the models compared."


def test_too_few_documents_and_no_groups_are_told(tmp_path: Path, write_audit) -> None:
    models = {"base": {}, "a": {"rank": 2}}
    first, _, _ = _ask(tmp_path / "few", write_audit, models, templates=9)
    assert first == (
        "No group has enough documents for a claim, so nothing is said about whether any checkpoint is less fair than base."
    )
    write_audit(tmp_path / "none", models, TASK, templates=40)
    for path in (tmp_path / "none").rglob("samples_*"):
        path.write_text(path.read_text().replace('"groups": ', '"people": '))
    found = build_rows(read_audit([tmp_path / "none"]), resamples=200)
    first, _ = answer(found, build_lines(found.rows, bases=["base"], against=None))
    assert first.startswith("The documents carry no groups, so nothing is said about")
