"""The tasks about faces: what their documents carry, and that no model of texts answers them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorafair.data.face import LABELS
from lorafair.errors import LorafairError
from lorafair.evaluation import EvaluationPlan, evaluate

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LORAFAIR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def load(task, **metadata):
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=FOLDER, include_defaults=False, metadata=metadata).load([task])["tasks"][task]


@pytest.mark.parametrize("label", ["gender", "age"])
def test_documents_carry_a_path_the_class_and_the_race_and_never_the_picture(label):
    task = load(f"lorafair_utkface_{label}_sample")
    assert len({d["id"] for d in task.documents}) == len(task.documents) == 360
    for document in task.documents:
        assert {"id", "image", "sha256", "label", "groups", "cluster", "choices"} <= set(document)
        assert Path(document["image"]).is_absolute()
        assert Path(document["image"]).is_file()
        assert task.doc_to_choice(document) == list(LABELS[label])
        assert len(json.dumps(document)) < 1000
    metadata = task.config.metadata
    assert metadata["classes"] == list(LABELS[label])
    assert metadata["data"]["faces"]["sample"] is True
    task.build_all_requests(limit=2)
    assert len(task.instances) == 2 * len(LABELS[label])
    assert len({instance.args[0] for instance in task.instances}) == 2  # the store tells the pictures apart


def test_another_part_and_options_that_do_not_exist():
    assert len(load("lorafair_utkface_age_sample", part="train").documents) == 1080
    for metadata, words in (({"part": "dev"}, "test, train, all"), ({"split_sed": 1}, "Did you mean 'split_seed'")):
        with pytest.raises(LorafairError, match=words):
            load("lorafair_utkface_age_sample", **metadata)
    with pytest.raises(LorafairError, match="shows no examples"):
        load("lorafair_utkface_age_sample").set_config("num_fewshot", 2)


def test_a_model_of_texts_is_refused_in_both_doors(tiny_base, tmp_path):
    import lm_eval
    from lm_eval.tasks import TaskManager

    task = "lorafair_utkface_gender_sample"
    with pytest.raises(ValueError, match="multimodal"):
        lm_eval.simple_evaluate(
            model="hf",
            model_args={"pretrained": str(tiny_base)},
            tasks=[task],
            limit=2,
            task_manager=TaskManager(include_path=FOLDER, include_defaults=False),
            device="cpu",
        )
    with pytest.raises(LorafairError, match="images"):
        evaluate(EvaluationPlan(str(tiny_base), (), (task,), tmp_path, engine="hf", verify=False), print)
