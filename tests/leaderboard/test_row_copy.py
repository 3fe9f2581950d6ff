"""Rows kept beside large results: the same, and never those of anything else."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lorafair import sample_copy
from lorafair.answer import Answers
from lorafair.leaderboard import row, row_copy
from lorafair.leaderboard.choice import Choice
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.samples import read_audit

FEW: dict[str, Any] = {"resamples": 200}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path]) -> Iterator[Path]:
    """Two models' results, rows kept of any size, and a user without a key so far."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LORAFAIR_COPIES", raising=False)
    monkeypatch.setattr(row_copy, "MUCH", 0)
    sample_copy.find_key.cache_clear()
    for seed, label in enumerate(("base", "lora")):
        write(tmp_path / "results" / label, label, seed=seed, templates=20, rates={"men": 0.4})
    yield tmp_path / "results"
    sample_copy.find_key.cache_clear()


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each time that rows are computed."""
    times: list[int] = []
    build = row._build

    def count(*given: Any) -> Rows:
        times.append(1)
        return build(*given)

    monkeypatch.setattr(row, "_build", count)
    return times


def _list(folder: Path) -> list[Path]:
    return sorted(folder.glob("rows.*.json.gz"))


def test_rows_are_computed_once_and_the_same(results: Path, built: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORAFAIR_COPIES", "0")
    plain = build_rows(read_audit([results]), **FEW)
    assert _list(results) == []
    monkeypatch.delenv("LORAFAIR_COPIES")
    first = build_rows(read_audit([results]), **FEW)
    again = build_rows(read_audit([results]), **FEW)
    assert plain == first == again
    assert again.settings == first.settings
    assert len(built) == 2
    assert len(_list(results)) == 1


def _change_value(results: Path) -> dict[str, Any]:
    path = next((results / "lora").glob("samples_*.jsonl"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[7]["honest_continuation"] = 1.0 - lines[7]["honest_continuation"]
    path.write_text("\n".join(map(json.dumps, lines)))
    return FEW


def _change_group(results: Path) -> dict[str, Any]:
    path = next((results / "lora").glob("samples_*.jsonl"))
    path.write_text(path.read_text().replace('["women"]', '["girls"]'))
    return FEW


def _rename_model(results: Path) -> dict[str, Any]:
    (path,) = (results / "lora").glob("results_*.json")
    path.write_text(path.read_text().replace('"label": "lora"', '"label": "dora"'))
    return FEW


def _change_code(results: Path) -> dict[str, Any]:
    row_copy._digest_code = lambda: b"other"  # type: ignore[assignment]
    return FEW


@pytest.mark.parametrize(
    "change",
    [
        _change_value,
        _change_group,
        _rename_model,
        _change_code,
        lambda _: FEW | {"seed": 1},
        lambda _: {"resamples": 201},
        lambda _: FEW | {"choice": Choice(correction="bh")},
        lambda _: FEW | {"choice": Choice(margin=0.1)},
        lambda _: FEW | {"choice": Choice(shares={"identity": {"men": 0.5, "women": 0.5}})},
        lambda _: FEW | {"references": {"base": [], "lora": []}},
    ],
)
def test_a_copy_is_never_of_something_else(
    results: Path, built: list[int], monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], dict[str, Any]]
) -> None:
    monkeypatch.setattr(row_copy, "_digest_code", row_copy._digest_code)
    build_rows(read_audit([results]), **FEW)
    wanted = change(results)
    found = build_rows(read_audit([results]), **wanted)
    assert len(built) == 2
    monkeypatch.setenv("LORAFAIR_COPIES", "0")
    assert found == build_rows(read_audit([results]), **wanted)


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _forge(data: bytes) -> bytes:
    told = json.loads(gzip.decompress(data))
    told["rows"][0]["estimate"] = 0.0
    return gzip.compress(json.dumps(told).encode())


@pytest.mark.parametrize("damage", [_cut, _forge])
def test_damaged_and_forged_copies_are_not_believed(
    results: Path, built: list[int], damage: Callable[[bytes], bytes]
) -> None:
    first = build_rows(read_audit([results]), **FEW)
    (path,) = _list(results)
    path.write_bytes(damage(path.read_bytes()))
    assert build_rows(read_audit([results]), **FEW) == first
    assert len(built) == 2


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_json_does_not_hold_is_not_kept(
    results: Path, built: list[int], monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    build = row._build

    def spoil(*given: Any) -> Rows:
        found = build(*given)
        found.rows[3].estimate = number
        return found

    monkeypatch.setattr(row, "_build", spoil)
    for _ in range(2):
        assert repr(build_rows(read_audit([results]), **FEW).rows[3].estimate) == repr(number)
    assert len(built) == 2
    assert _list(results) == []


def test_every_answer_counts(results: Path) -> None:
    """A digest tells apart what differs in one number, one text, its place or its type."""
    answers = Answers(["a", None], ["a", "b"], [[-1.0, -2.0], [-3.0, -4.0]], [0.5, math.nan], [None, "p"], ("a", "b"))
    changed = [
        {"labels": [None, "a"]},
        {"answers": ["a", "a"]},
        {"logprobs": [[-1.0, -2.0], [-3.0, -4.5]]},
        {"logprobs": [[-1.0, -2.0], [-3.0], [-4.0]]},
        {"logprobs": [[-1.0, -2.0, -3.0, -4.0]]},
        {"logprobs": [[], []]},
        {"probs": [0.5, 0.5]},
        {"twins": ["p", None]},
        {"classes": ("b", "a")},
        {"positive": "a"},
    ]
    all_of_them = [answers, *(replace(answers, **each) for each in changed)]
    assert len({row_copy._digest(one) for one in all_of_them}) == len(all_of_them)
    texts: list[Any] = [["1"], ["1", "1"], [1.0], [1.5], [[1.0]], [[1.0], [1.0]], [[1.0, 1.0]], "1", ["\ud800"], [None]]
    assert len({row_copy._digest(one) for one in texts}) == len(texts)


def test_another_users_copy_is_not_believed(
    results: Path, built: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_rows(read_audit([results]), **FEW)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    sample_copy.find_key.cache_clear()
    build_rows(read_audit([results]), **FEW)
    assert len(built) == 2


def test_few_copies_are_kept_and_none_of_small_audits(
    results: Path, built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(row_copy.KEPT + 2):
        build_rows(read_audit([results]), seed=seed, **FEW)
    assert len(_list(results)) == row_copy.KEPT
    build_rows(read_audit([results]), seed=seed, **FEW)
    assert len(built) == row_copy.KEPT + 2
    for path in _list(results):
        path.unlink()
    monkeypatch.undo()
    build_rows(read_audit([results]), **FEW)
    assert _list(results) == []


def test_a_strangers_metric_is_asked_every_time(
    results: Path, built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_copy, "is_built_in", lambda entry: entry.name != "rate")
    for _ in range(2):
        build_rows(read_audit([results]), **FEW)
    assert len(built) == 2
    assert _list(results) == []
