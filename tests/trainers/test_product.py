"""Method, trainer, objective, augmentation and lr: auto are choices of their own: their products train."""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load_file

from lorafair.errors import LorafairError
from lorafair.plan import Plan
from lorafair.rate import Search
from lorafair.training import train_runs


def train(base, data, out, **changes):
    given = {"methods": ("lora",), "ranks": (2,), "settings": {"batch_size": 4}, "lr": 1e-2, **changes}
    return train_runs(Plan(base=str(base), data=str(data), out=out, **given), say=lambda _: None)


def read_provenance(folder):
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))


def test_a_classifiers_mean_is_what_it_is_without_an_objective(tiny_encoder, labelled_file, tmp_path):
    folders = [
        train(tiny_encoder, labelled_file, tmp_path, trainer="classify", **asked)[0]
        for asked in ({}, {"objective": "mean"}, {"objective": "reweighing"})
    ]
    assert [folder.name for folder in folders] == ["lora-r2", "lora-r2-mean", "lora-r2-reweighing"]
    plain, mean, weighed = (load_file(folder / "adapter_model.safetensors") for folder in folders)
    assert all((plain[key] - mean[key]).abs().max() < 1e-5 for key in plain)
    assert any((plain[key] - weighed[key]).abs().max() > 1e-4 for key in plain)


def test_lora_with_reweighing_twins_and_a_chosen_rate_for_a_classifier(tiny_encoder, labelled_file, tmp_path):
    (folder,) = train(
        tiny_encoder,
        labelled_file,
        tmp_path,
        trainer="classify",
        objective="reweighing",
        objective_options={"attribute": "who"},
        augment="cda",
        lr="auto",
        search=Search((1e-7, 1e-2), 1.0, 0.3),
    )
    told = read_provenance(folder)
    assert told["settings"]["lr"] == 1e-2
    facts = told["data"][str(labelled_file)]
    assert facts["augment"]["added"] > 0
    assert facts["rows"] == 24 + facts["augment"]["added"] == sum(facts["labels"].values())


@pytest.mark.parametrize("tiny_vision", ["vit"], indirect=True)
def test_images_by_group_dro_with_labels_as_groups(tiny_vision, image_folder, tmp_path):
    (folder,) = train(
        tiny_vision,
        image_folder / "images.jsonl",
        tmp_path,
        trainer="image",
        objective="group_dro",
        objective_options={"by_label": True, "step_size": 0.1, "least": 1},
        lr="auto",
        search=Search((1e-3,), 1.0, 0.3),
    )
    settings = read_provenance(folder)["settings"]
    weights = settings["objective_state"]["weights"]
    assert set(weights) == {f"race={race} with label {label}" for race in "ab" for label in (0, 1)}
    assert settings["lr_trials"][0]["validation_loss"] > 0
    with pytest.raises(LorafairError, match="--augment cda needs texts"):
        train(tiny_vision, image_folder / "images.jsonl", tmp_path, trainer="image", augment="cda")
