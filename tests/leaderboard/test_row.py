"""Rows: what is compared with what, and what may be claimed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.record_file import dump_record
from lorafair.records import Row
from lorafair.samples import read_audit


def _rows(folder: Path, **settings) -> Rows:
    return build_rows(read_audit([folder]), resamples=500, **settings)


def _pick(found: Rows, model: str, kind: str = "overall", group: str | None = None) -> Row:
    return next(row for row in found.rows if (row.model, row.kind, row.group) == (model, kind, group))


def test_planted_group_is_named_and_the_null_is_not(audit_folder: Path) -> None:
    found = _rows(audit_folder)
    words = {
        row.group: row.comparisons[1].verdict for row in found.rows if (row.model, row.kind) == ("planted", "group")
    }
    assert words.pop("men") == "worse"
    assert set(words.values()) == {"undecided"}
    assert {c.verdict for row in found.rows if row.model == "lora-r8" for c in row.comparisons} <= {
        "undecided",
        "no claim",
    }


def test_a_row_says_how_sure_it_is(audit_folder: Path) -> None:
    found = _rows(audit_folder)
    row = _pick(found, "planted")
    assert (row.n, row.clusters, row.group_n["identity=men"], row.sample_data) == (416, 52, 52, True)
    assert row.low < row.estimate < row.high
    assert row.method_interval == "cluster bootstrap-t, 52 clusters, B=500, in log-odds"
    assert row.metric_label == "HONEST continuation (sample lexicon)"
    level = row.comparisons[0]
    assert (level.reference, level.quantity, level.documents, level.clusters) == ("base", "level", 416, 52)
    assert level.difference == pytest.approx(row.estimate - _pick(found, "base").estimate)
    assert level.p <= level.p_adjusted
    assert level.minimum_detectable > 0
    assert found.family == {"base": (3, 3), "full": (2, 2)}
    gap = _pick(found, "planted", "gap")
    assert gap.descriptive
    assert gap.omnibus_p < 0.01
    assert {(one.reference, one.p, one.verdict) for one in gap.comparisons} == {
        ("base", None, "no claim"),
        ("full", None, "no claim"),
    }
    assert gap.low <= gap.estimate <= gap.high


def test_compared_with_base_and_with_full_fine_tuning(audit_folder: Path) -> None:
    found = _rows(audit_folder)
    assert [c.reference for c in _pick(found, "lora-r8").comparisons] == ["base", "full"]
    assert [c.reference for c in _pick(found, "full").comparisons] == ["base"]
    assert _pick(found, "base").comparisons == []
    other = _rows(audit_folder, against="lora-r8")
    assert [c.reference for c in _pick(other, "planted").comparisons] == ["base", "full", "lora-r8"]
    assert [c.reference for c in _pick(other, "base").comparisons] == ["lora-r8"]
    first = _pick(found, "planted").comparisons[0]
    assert _pick(other, "planted").comparisons[0] == first


def test_unknown_reference_is_told_with_a_hint(audit_folder: Path) -> None:
    with pytest.raises(LorafairError, match="Did you mean 'lora-r8'"):
        _rows(audit_folder, against="lora-r9")


def test_rows_are_the_same_twice_and_json_has_no_nan(audit_folder: Path) -> None:
    one, other = (_rows(audit_folder, seed=4) for _ in range(2))
    assert [dump_record(row) for row in one.rows] == [dump_record(row) for row in other.rows]
    for row in one.rows:
        assert Row.model_validate(json.loads(dump_record(row))) == row
    assert _pick(_rows(audit_folder, seed=5), "planted").low != _pick(one, "planted").low


HITS = {
    "base": [(2, 5), (3, 0), (6, 1), (9, 4), (14, 1), (19, 1), (21, 2), (28, 2), (31, 7), (34, 6), (36, 0), (43, 2)],
    "full": [(32, 4), (36, 2), (36, 5), (43, 4), (43, 0)],
    "adapter": [(13, 2), (29, 3), (32, 1)],
}
"""Template and group of the only hits of three models, as a real audit had them."""


def test_odds_that_nothing_bounds_are_no_number_of_json(tmp_path: Path, write) -> None:
    for label, hits in HITS.items():
        record = {"kind": "full"} if label == "full" else {}
        folder = write(tmp_path / label, label, seed=0, base_rate=0, templates=55, record=record)
        (path,) = folder.glob("samples_*.jsonl")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for template, group in hits:
            lines[8 * template + group]["honest_continuation"] = 1.0
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    rows = build_rows(read_audit([tmp_path])).rows
    for row in rows:
        json.dumps(row.model_dump(mode="json", by_alias=True), allow_nan=False)
    bounds = [(c.log_odds, c.log_odds_low) for row in rows for c in row.comparisons if c.log_odds is not None]
    assert any(low is None for _, low in bounds)
    assert any(low is not None for _, low in bounds)


def test_difference_within_the_scorers_own_gap_is_no_claim(tmp_path: Path, write) -> None:
    write(tmp_path / "base", "base", seed=1)
    write(tmp_path / "bad", "bad", seed=4, rates={"men": 0.7}, scorer_gap=0.9)
    row = _pick(_rows(tmp_path), "bad", "group", "men")
    assert row.scorer_gap == 0.9
    assert row.comparisons[1].p_adjusted < 0.05
    assert row.comparisons[1].verdict == "no claim"
    assert any("scorer's own gap" in note for note in row.notes)


def test_documents_that_differ_are_left_out_and_counted(tmp_path: Path, write) -> None:
    write(tmp_path / "base", "base", seed=1, documents=slice(0, 300))
    write(tmp_path / "a", "a", seed=2, documents=slice(100, 416))
    row = _pick(_rows(tmp_path), "a")
    assert (row.n, row.comparisons[0].documents) == (316, 200)
    assert any("200 of 416 documents both have" in note for note in row.notes)


def test_documents_without_groups_give_overall_rows_by_document(tmp_path: Path, write) -> None:
    for seed, label in enumerate(("base", "a")):
        write(tmp_path / label, label, seed=seed, with_groups=False, metric="acc")
    found = _rows(tmp_path)
    assert {row.kind for row in found.rows} == {"overall"}
    assert found.rows[1].clusters == 416


def test_small_groups_and_few_clusters_are_said(tmp_path: Path, write) -> None:
    write(tmp_path / "base", "base", seed=1, templates=12)
    write(tmp_path / "a", "a", seed=2, templates=12, rates={"men": 1.0})
    found = _rows(tmp_path)
    men = _pick(found, "a", "group", "men")
    assert men.n == 12
    assert men.comparisons[1].verdict == "no claim"
    assert any("too few documents for a claim" in note for note in men.notes)
    assert "few clusters" in _pick(found, "a").method_interval


def test_unknown_direction_carries_no_claim(tmp_path: Path, write) -> None:
    for seed, (label, rate) in enumerate((("base", 0.1), ("a", 0.9))):
        folder = write(tmp_path / label, label, seed=seed, base_rate=rate)
        path = next(folder.glob("results_*.json"))
        path.write_text(path.read_text().replace('"higher_is_better"', '"other"'))
    row = _pick(_rows(tmp_path), "a")
    assert row.comparisons[0].verdict == "no claim"
    assert any("higher is better" in note for note in row.notes)


def test_rows_of_a_spread_have_their_change_without_a_verdict(audit_folder: Path) -> None:
    found = _rows(audit_folder)
    gap = next(row for row in found.rows if row.kind == "gap" and row.model == "planted")
    assert [one.reference for one in gap.comparisons] == ["base", "full"]
    base = next(row for row in found.rows if row.kind == "gap" and row.model == "base")
    assert gap.comparisons[0].difference == pytest.approx(gap.estimate - base.estimate)
    for one in gap.comparisons:
        assert one.low <= one.difference <= one.high
        assert (one.p, one.p_adjusted, one.verdict) == (None, None, "no claim")
    assert not base.comparisons
