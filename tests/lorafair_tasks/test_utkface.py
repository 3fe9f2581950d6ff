"""The tasks about faces: what their documents carry, and that no model of texts answers them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorafair.data.face import LABELS, RACES
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


def test_a_vision_model_trained_on_the_drawn_faces_is_told_by_race(tmp_path):
    """As a user: train, ask, compare; the results hold paths of pictures and none of their bytes."""
    import torch
    from click.testing import CliRunner
    from lorafair.cli.main import cli
    from transformers import ViTConfig, ViTModel

    base = tmp_path / "vit"
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    ViTModel(ViTConfig(image_size=32, patch_size=8, **shape), add_pooling_layer=False).save_pretrained(base)
    processor = {"image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 32, "width": 32}}
    (base / "preprocessor_config.json").write_text(json.dumps(processor))

    def run(*words):
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.output

    made = ["--method", "full", "--trainer", "image", "--epochs", 0.1, "--batch-size", 16, "--out", tmp_path / "runs"]
    run("train", "--base", base, "--data", "utkface_age_sample", *made)
    asked = ["--checkpoint", tmp_path / "runs" / "full", "--task", "lorafair_utkface_age_sample", "--no-verify"]
    run("eval", "--base", base, *asked, "--out", tmp_path / "results")
    board = run("leaderboard", tmp_path / "results", "--metric", "accuracy", "--resamples", 200)
    assert "sample data" in board
    rows = [json.loads(line) for line in (tmp_path / "results" / "rows.jsonl").read_text().splitlines()]
    accuracy = {
        r["group"]: r["n"] for r in rows if (r["metric"], r["attribute"], r["kind"]) == ("accuracy", "race", "group")
    }
    assert accuracy == dict.fromkeys(RACES, 72)
    (samples,) = (tmp_path / "results" / "full").glob("samples_*.jsonl")
    lines = samples.read_text().splitlines()
    assert len(lines) == 360
    assert max(map(len, lines)) < 10_000
