"""The tags that select families of tasks: which tasks they hold, in `lorafair eval` and under plain lm_eval."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorafair.registry import load_registry
from lorafair.task import find_task_folders

FOLDER = Path(__file__).parents[2] / "lorafair_tasks"
FAMILIES = {"lorafair_toxicity", "lorafair_gender", "lorafair_hatespeech", "lorafair_sentiment"}
PAPERS = {"lorafair_das2024", "lorafair_ding2024"}
SAMPLE = "lorafair_sample"
PICTURES, PICTURE_SAMPLE = "lorafair_picture", "lorafair_picture_sample"
"""Tasks that no model of texts can answer have tags of their own: one of them would stop a run of `lorafair_sample`."""
SETS = {entry.name: entry for entry in load_registry().entries("dataset")}
OURS = [entry for entry in load_registry().entries("task") if entry.origin == "lorafair"]

TAGS = {"lorafair", SAMPLE, PICTURES, PICTURE_SAMPLE} | FAMILIES | PAPERS


@pytest.fixture(scope="module")
def index():
    from lm_eval.tasks._index import TaskIndex

    return TaskIndex.build([FOLDER])


def is_sample(entry) -> bool:
    named = [str(name) for name in entry.fields.get("datasets", ())]
    return bool(named) and all(SETS[name].fields.get("sample") for name in named)


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_a_task_has_the_tags_of_its_family_and_a_sample_task_none_of_them(index, entry):
    tags = index[entry.name].tags
    if entry.target == "lorafair_tasks.utkface":
        assert tags == {PICTURE_SAMPLE if is_sample(entry) else PICTURES}
    elif is_sample(entry):
        assert tags == {SAMPLE}, (
            "a sample task's YAML says `tag: [lorafair_sample]`: an included file's tags would hold"
        )
    else:
        assert "lorafair" in tags
        assert tags - {"lorafair"} <= FAMILIES | PAPERS
        assert tags & FAMILIES, "say which family it is of"


def test_every_task_of_the_folder_is_in_the_registry_and_no_tag_is_a_task(index):
    from lm_eval.tasks._index import Kind

    tasks = {name for name, entry in index.items() if entry.kind in (Kind.TASK, Kind.PY_TASK)}
    assert tasks == {entry.name for entry in OURS}
    assert {name for name, entry in index.items() if entry.kind is Kind.TAG} <= TAGS


def test_the_sample_tag_selects_the_same_tasks_in_both_doors():
    from lm_eval.tasks import TaskManager

    assert FOLDER / "honest" in find_task_folders([SAMPLE])
    manager = TaskManager(include_path=str(FOLDER), include_defaults=False)
    assert set(manager.task_index[SAMPLE].tags) == {
        entry.name for entry in OURS if is_sample(entry) and "utkface" not in entry.name
    }
    loaded = manager.load([SAMPLE])["tasks"]
    assert "lorafair_honest_sample" in loaded
