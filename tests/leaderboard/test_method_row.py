"""Lines about a method: where enough training seeds are there, and said where they are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.identity import Model
from lorafair.leaderboard.choice import Choice, read_choice
from lorafair.leaderboard.foot import list_feet
from lorafair.leaderboard.line import build_lines
from lorafair.leaderboard.method_row import find_methods
from lorafair.leaderboard.render import render_csv, render_markdown
from lorafair.leaderboard.row import build_rows
from lorafair.record_file import dump_record
from lorafair.records import Row
from lorafair.samples import read_audit


def _record(seed: int, **inputs) -> dict:
    settings = {"inputs": {"rank": 8, "lr": 5e-4, "seed": seed, **inputs}}
    return {"training": {"seeds": {"training": seed}, "settings": settings}}


def _audit(root: Path, write, seeds: int = 5, **rates) -> Path:
    write(root / "base", "base", seed=99)
    for seed in range(seeds):
        write(root / f"lora-s{seed}", f"lora-s{seed}", seed=seed, record=_record(seed), **rates)
    return root


def _build(root: Path, **settings):
    return build_rows(read_audit([root]), resamples=300, **settings)


def test_five_seeds_make_a_line_about_the_method(tmp_path: Path, write) -> None:
    found = _build(_audit(tmp_path, write, base_rate=0.5))
    mine = [row for row in found.rows if row.claim == "method"]
    assert {row.model for row in mine} == {"lora r=8"}
    assert mine[0].seeds == [0, 1, 2, 3, 4]
    seeds = [row.estimate for row in found.rows if row.kind == "overall" and row.model.startswith("lora-s")]
    assert mine[0].estimate == pytest.approx(sum(seeds) / 5)
    level = mine[0].comparisons[0]
    assert (level.reference, level.verdict) == ("base", "worse")
    assert "5 training seeds crossed with 52 clusters" in level.method
    assert [Row.model_validate(json.loads(dump_record(row))) for row in mine] == mine
    lines = build_lines(found.rows, bases=["base"], against=None)
    feet = " ".join(list_feet(found, lines))
    assert "lora r=8: claims about the method over 5 training seeds" in feet
    assert "family against base: 1 level and 1 contrast tests of methods" in feet
    assert found.family == {"base": (5, 5)}
    assert "the method, seeds 0, 1, 2, 3, 4" in render_markdown(found, lines)
    assert "over its training seeds" in render_csv(lines)


def test_a_note_that_many_lines_share_is_told_once(tmp_path: Path, write) -> None:
    found = _build(_audit(tmp_path, write, seeds=4))
    noted = [row.model_copy(update={"notes": ["all say so"]}) for row in found.rows if row.kind == "overall"]
    rows = [*noted, *(row for row in found.rows if row.kind != "overall")]
    feet = [each for each in list_feet(found, build_lines(rows, bases=["base"], against=None)) if "all say so" in each]
    (foot,) = feet
    places = [f"{row.model}, {row.metric}" for row in noted]
    assert foot.startswith("Note: ")
    assert sum(place in foot for place in places) == 3
    assert f"and {len(places) - 3} more: all say so" in foot


def test_fewer_seeds_and_other_recipes_make_no_claim_about_a_method(tmp_path: Path, write) -> None:
    _audit(tmp_path, write, seeds=4)
    write(tmp_path / "other", "other", seed=7, record=_record(4, lr=1e-3))
    found = _build(tmp_path)
    assert {row.claim for row in found.rows} == {"checkpoint"}
    (said,) = [one for one in found.claims if "fewer than 5 training seeds" in one]
    assert "lora r=8 lr=0.0005 (4)" in said
    assert "lora r=8 lr=0.001 (1)" in said


def test_methods_are_compared_seed_by_seed(tmp_path: Path, write) -> None:
    _audit(tmp_path, write, base_rate=0.5)
    for seed in range(6):
        record = _record(seed, method="full") | {"kind": "full", "method": "full", "rank": None}
        write(tmp_path / f"full-s{seed}", f"full-s{seed}", seed=50 + seed, record=record)
    row = next(row for row in _build(tmp_path).rows if row.model == "lora r=8" and row.kind == "overall")
    assert [one.reference for one in row.comparisons] == ["base", "full"]
    assert "t over 5 training seeds" in row.comparisons[1].method


def test_margin_and_primary_reach_the_rows(tmp_path: Path, write) -> None:
    write(tmp_path / "base", "base", seed=1)
    write(tmp_path / "same", "same", seed=1)
    found = _build(tmp_path, choice=Choice(margin=0.2, correction="bh"))
    row = next(row for row in found.rows if row.model == "same")
    assert row.comparisons[0].verdict == "equivalent"
    assert row.comparisons[0].margin == 0.2
    assert row.comparisons[0].p_equivalent < 0.05
    lines = build_lines(found.rows, bases=["base"], against=None)
    assert any("Equivalent, not worse: to within 0.2" in foot for foot in list_feet(found, lines))
    assert any("Benjamini-Hochberg over 1 level" in foot for foot in list_feet(found, lines))
    write(tmp_path / "base2", "base", seed=1, task="other", metric="acc")
    write(tmp_path / "same2", "same", seed=2, task="other", metric="acc")
    found = _build(tmp_path, choice=Choice(primary=("honest_continuation",)))
    other = next(row for row in found.rows if row.model == "same" and row.metric == "acc")
    assert other.comparisons[0].verdict == "no claim"
    assert other.comparisons[0].p is not None
    assert found.family == {"base": (1, 1)}
    assert any("exploratory, no claim: other/acc" in note for note in found.notes)
    with pytest.raises(LorafairError) as caught:
        _build(tmp_path, choice=Choice(primary=("honest_continuatio",), correction="hom", margin=-1))
    for part in ("primary metric 'honest_continuatio'", "Did you mean", "correction 'hom'", "margin -1"):
        assert part in str(caught.value)


def test_variance_between_groups_is_shown_beside_the_gap(tmp_path: Path, write) -> None:
    write(tmp_path / "base", "base", seed=1)
    found = _build(tmp_path)
    gap = next(row for row in found.rows if row.kind == "gap")
    assert gap.between_low <= gap.between_variance <= gap.between_high
    assert gap.between_variance < gap.estimate**2
    text = render_markdown(found, build_lines(found.rows, bases=["base"], against=None))
    assert f"{gap.between_variance:.4f}" in text


def test_a_recipe_fixes_the_family(tmp_path: Path) -> None:
    recipe = tmp_path / "audit.yaml"
    recipe.write_text("leaderboard:\n  primary: [acc, task/honest]\n  correction: bh\n  margin: 0.02\n")
    assert read_choice((), "holm", None, recipe) == Choice(("acc", "task/honest"), "bh", 0.02)
    whole = tmp_path / "whole.yaml"
    whole.write_text("bases: m\nstatistics:\n  primary: acc\n  margin: 0.1\n  seed: 3\n  undertraining: {probe: kl}\n")
    assert read_choice((), "holm", None, whole) == Choice(("acc",), "holm", 0.1)
    assert read_choice(["a", "a"], "bh", 0.1) == Choice(("a",), "bh", 0.1)
    with pytest.raises(LorafairError, match="--margin differs from its `margin: 0.02`"):
        read_choice((), "holm", 0.05, recipe)
    recipe.write_text("leaderboard:\n  primary: []\n  correction: x\n  margin: none\n  marg: 1\n")
    with pytest.raises(LorafairError) as caught:
        read_choice((), "holm", None, recipe)
    assert str(caught.value).count("\n  - ") == 4


def test_nothing_is_claimed_about_a_method_of_which_a_seed_was_not_asked_everything(tmp_path: Path, write) -> None:
    _audit(tmp_path, write, base_rate=0.5)
    asked = {"clusters": 52, "of_clusters": 52, "documents": 416, "of_documents": 416, "decided": True}
    change = {"word": "rise", "value": 0.3, "low": 0.1, "high": 0.5}
    told = {
        "metric": "honest_continuation",
        "margin": None,
        "alpha": 0.05,
        "questions": 1,
        "seed": 0,
        "against": "base",
    }

    def decide(**early) -> dict:
        tasks = {"lorafair_honest_sample": asked | early | {"level": change, "contrasts": []}}
        return {"decision": told | {"tasks": tasks}}

    write(tmp_path / "lora-s3", "lora-s3", seed=3, base_rate=0.5, record=_record(3) | decide())
    claimed = _build(tmp_path)
    level = next(row for row in claimed.rows if row.claim == "method").comparisons[0]
    assert level.verdict == "worse"
    assert not any("No claim about lora r=8" in one for one in claimed.claims)
    early = decide(documents=208, clusters=26)
    write(tmp_path / "lora-s3", "lora-s3", seed=3, base_rate=0.5, record=_record(3) | early, documents=slice(208))
    found = _build(tmp_path)
    mine = [row for row in found.rows if row.claim == "method"]
    assert {one.verdict for row in mine for one in row.comparisons} == {"no claim"}
    assert {one.p_adjusted for row in mine for one in row.comparisons} == {None}
    assert mine[0].comparisons[0].difference is not None
    (said,) = [one for one in found.claims if one.startswith("No claim about")]
    assert "lora r=8 on lorafair_honest_sample" in said
    assert "(lora-s3)" in said
    assert any("lora-s3" in note for note in mine[0].notes)
    other = next(row for row in found.rows if row.model == "lora-s1" and row.kind == "overall")
    assert other.comparisons[0].verdict == "worse"


def test_methods_that_differ_in_their_settings_only_are_told_apart_by_their_checkpoints_labels() -> None:
    models = [
        Model(
            f"lora-r2-seed{seed}-lr{rate}", "adapter", method="lora", rank=2, seed=seed, recipe=json.dumps({"lr": rate})
        )
        for rate in (0.1, 0.2)
        for seed in (1, 13)
    ]
    assert [one.label for one in find_methods(models)] == ["lora-r2-lr0.1", "lora-r2-lr0.2"]
    assert [one.label for one in find_methods(models[:2])] == ["lora r=2"]


def test_methods_of_one_seed_each_are_told_apart_by_the_settings_that_differ() -> None:
    recipes = [{"lr": 0.1, "epochs": 1.0, "of": {"a": 1}}, {"lr": 0.2, "epochs": 1.0, "of": {"a": 2}}]
    models = [
        Model(f"mine-{k}", "adapter", method="lora", rank=2, seed=13, recipe=json.dumps(recipe))
        for k, recipe in enumerate(recipes)
    ]
    assert [one.label for one in find_methods(models)] == ["lora r=2 lr=0.1", "lora r=2 lr=0.2"]


def test_methods_on_two_bases_are_told_apart_by_the_bases_names_and_not_by_hashes() -> None:
    models = [
        Model(
            name,
            "adapter",
            name,
            name,
            method="lora",
            rank=2,
            seed=1,
            recipe=json.dumps({"base": name * 32, "lr": 0.1}),
        )
        for name in ("ab", "cd")
    ]
    assert [one.label for one in find_methods(models)] == ["lora r=2 on ab", "lora r=2 on cd"]
