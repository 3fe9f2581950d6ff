"""Attributes of documents that are no people carry no verdict: every task of ours has to say which those are."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
PEOPLE = {"identity", "gender", "queer", "race", "religion", "age", "sexuality", "target"}
PEOPLE |= {"gender status", "race status", "religion status"}
DIAGNOSTIC = {
    "lorafair_winomt_sample": {"unknown", "recognised"},
    "lorafair_imdb_counterfactual_sample": {"answer_follows_edit"},
}
"""Values with a direction that a worthless model may have at their best: shown, and in no family of tests."""


@pytest.mark.parametrize(
    "name",
    [
        "lorafair_honest_sample",
        "lorafair_counterfactual_gender_sample",
        "lorafair_winomt_sample",
        "lorafair_winomt_tr_en_sample",
        "lorafair_hatespeech_sample",
        "lorafair_hatecheck_sample",
        "lorafair_imdb_sample",
        "lorafair_imdb_counterfactual_sample",
        "lorafair_sst2_sample",
        "lorafair_gender_probe_yesno_sample",
    ],
)
def test_every_attribute_is_of_people_or_declared_a_condition(name):
    from lm_eval.tasks import TaskManager

    task = TaskManager(include_path=FOLDER, include_defaults=False).load([name])["tasks"][name]
    attributes = {attribute for document in task.test_docs() for attribute in document["groups"]}
    conditions = set(task.config.metadata.get("conditions", ()))
    assert attributes
    assert attributes - PEOPLE <= conditions
    assert not conditions & PEOPLE
    assert set(task.config.metadata.get("exploratory", ())) >= DIAGNOSTIC.get(name, set())
