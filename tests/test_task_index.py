"""lm-eval's own tasks by name: our index against lm-eval's, its cache, and the time that a name takes."""

import json
import time
from pathlib import Path

import pytest

from lorafair import task_index
from lorafair.errors import LorafairError
from lorafair.task import find_task_folders
from lorafair.task_index import build_index, find_builtin_folders, find_builtin_root, read_head, read_names

ROOT = find_builtin_root()
FAMILIES = (
    "bbq",
    "crows_pairs",
    "winogender",
    "discrim_eval",
    "hellaswag",
    "mmlu",
    "glue",
    "super_glue",
    "scrolls",
    "leaderboard",
    "arc",
)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lorafair"


def compare(root: Path) -> int:
    """Hold our index of a folder to lm-eval's own; returns how many names were compared."""
    from lm_eval.tasks._index import Kind, TaskIndex

    ours, theirs = build_index(root), TaskIndex.build([root])
    assert set(ours) == set(theirs)
    for name, entry in theirs.items():
        files, members = ours[name]
        assert [str(root / file) for file in files] == ([str(entry.yaml_path)] if entry.yaml_path else [])
        if entry.kind is Kind.TAG:
            assert set(members) == entry.tags
        elif entry.kind is Kind.GROUP:
            listed = entry.cfg["task"] if isinstance(entry.cfg["task"], list) else [entry.cfg["task"]]
            named = [each if isinstance(each, str) else each.get("task") for each in listed]
            assert {each for each in named if isinstance(each, str)} <= set(members)
    return len(theirs)


def time_lookup() -> float:
    """CPU-seconds of this thread for a name that is in the cache."""
    start = time.thread_time()
    assert find_builtin_folders("hellaswag") == [ROOT / "hellaswag"]
    return time.thread_time() - start


@pytest.mark.parametrize("family", FAMILIES)
def test_index_is_that_of_lm_eval(family):
    assert compare(ROOT / family) > 0


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_index_is_that_of_lm_eval_for_all_of_it():
    assert compare(ROOT) > 10_000


def test_a_name_a_group_and_a_tag_are_found_with_all_that_belongs_to_them(cache):
    assert find_builtin_folders("hellaswag") == [ROOT / "hellaswag"]
    assert find_builtin_folders("bbq_ambig") == [ROOT / "bbq"]
    assert {folder.name for folder in find_builtin_folders("social_bias")} >= {"bbq", "winogender", "discrim_eval"}
    assert all((ROOT / "glue") in folder.parents for folder in find_builtin_folders("glue"))
    assert find_builtin_folders("hellaswagg") == []
    assert len(list(cache.iterdir())) == 1
    assert min(time_lookup() for _ in range(5)) < 0.3  # the least: a collection of garbage is not the lookup's


@pytest.mark.parametrize("damage", ["", "[]", '{"hellaswag": 3}', '{"hellaswag": [["../../x.yaml"], []]}', "{}"])
def test_a_cache_that_is_damaged_old_or_hostile_is_made_anew(cache, monkeypatch, damage):
    monkeypatch.setattr(task_index, "build_index", lambda root: {"hellaswag": [["hellaswag/hellaswag.yaml"], []]})
    find_builtin_folders("hellaswag")
    (kept,) = cache.iterdir()
    kept.write_text(damage, encoding="utf-8")
    assert find_builtin_folders("hellaswag") == [ROOT / "hellaswag"]
    assert json.loads(kept.read_text(encoding="utf-8")) == {"hellaswag": [["hellaswag/hellaswag.yaml"], []]}


def test_a_home_that_cannot_be_written_is_no_fault(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(task_index, "build_index", lambda root: {"hellaswag": [["hellaswag/hellaswag.yaml"], []]})
    assert find_builtin_folders("hellaswag") == [ROOT / "hellaswag"]


def test_unknown_names_are_told_at_once_with_the_closest_of_ours_and_of_theirs(cache):
    with pytest.raises(LorafairError) as error:
        find_task_folders(["lorafair_toxicty", "hellaswagg", "lorafair_honest_sample"])
    said = str(error.value)
    assert "no task 'lorafair_toxicty'. Did you mean 'lorafair_toxicity'" in said
    assert "no task 'hellaswagg'. Did you mean 'hellaswag'" in said
    assert "lorafair_honest_sample" not in said


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("task: a\n", {"task": ["a"]}),
        ('"task": "a"\n', {"task": ["a"]}),
        ('task: "a"  # remark\ntag: [x, "y"]\n', {"task": ["a"], "tag": ["x", "y"]}),
        (
            "group: g\ntask:\n  - a\n  - task: b\n    num_fewshot: 3\n\n  - 'c'\nmetadata:\n  version: 1\n",
            {"group": ["g"], "task": ["a", "b", "c"]},
        ),
        ("tag:\n- x\n- y\ninclude: ../_base_yaml\n", {"tag": ["x", "y"], "include": ["../_base_yaml"]}),
        ("description: |\n  task: not\ntask: a", {"task": ["a"]}),
        ("", {}),
    ],
)
def test_heads(tmp_path, text, head):
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert read_head(tmp_path / "a.yaml") == head


def test_tags_are_among_the_names_of_a_folder():
    assert {"lorafair", "lorafair_honest", "lorafair_sample"} <= read_names(
        Path(__file__).resolve().parents[1] / "lorafair_tasks"
    )
