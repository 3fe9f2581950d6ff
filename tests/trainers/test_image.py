"""Classifiers of images: pixels held to the processor's own, plain folders, turned pictures, broken ones."""

from __future__ import annotations

import json
import os
import signal

import lorafair.trainers.image as trainer
import numpy as np
import pytest
import torch
from lorafair.trainers.image import stack_images
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoModelForImageClassification

from lorafair.base import Base
from lorafair.checkpoint import read_base
from lorafair.data.labelled import load_labelled
from lorafair.errors import LorafairError
from lorafair.head import Head, read_head
from lorafair.plan import Plan
from lorafair.training import train_runs

LABELS = ("0", "1")


def train(base, data, out, method="lora", **changes):
    given = {"ranks": (2,) if method == "lora" else (), "settings": {"batch_size": 4}, "lr": 1e-2, **changes}
    asked = Plan(base=str(base), data=str(data), out=out, methods=(method,), trainer="image", **given)
    return train_runs(asked, say=lambda _: None)


def read_pictures(base, folder):
    processor = AutoImageProcessor.from_pretrained(base, backend="pil")
    pictures = [Image.open(folder / f"{i}.png").convert("RGB") for i in range(12)]
    return processor(pictures, return_tensors="pt")["pixel_values"]


def test_pixels_are_those_of_the_processor_and_turned_by_seed_batch_and_picture(tiny_vision, image_folder):
    base = Base(read_base(str(tiny_vision)), head=Head(LABELS, "image"))
    data = load_labelled(str(image_folder / "images.jsonl"), "image")
    pixels = data.prepare(base.processor, LABELS)
    assert data.prepare(base.processor, LABELS) is pixels
    assert data.groups == ("race=a", "race=b")
    wanted = read_pictures(tiny_vision, image_folder)
    plain = stack_images(pixels, 1)([pixels[i] for i in range(12)])
    torch.testing.assert_close(plain["pixel_values"], wanted, atol=1e-6, rtol=1e-6)
    assert plain["labels"].tolist() == [0, 1] * 6

    def turn(seed, done=0, batches=1):
        collate = stack_images(pixels, seed, done)
        rows = [{**pixels[i], "turn": True} for i in range(12)]
        return [collate(rows)["pixel_values"] for _ in range(batches)]

    first, second = turn(1, batches=2)
    turned = [torch.allclose(a, b.flip(-1), atol=1e-6) for a, b in zip(first, wanted, strict=True)]
    kept = [torch.allclose(a, b, atol=1e-6) for a, b in zip(first, wanted, strict=True)]
    assert [a != b for a, b in zip(turned, kept, strict=True)] == [True] * 12
    assert 0 < sum(turned) < 12
    assert not torch.equal(first, second)
    assert not torch.equal(first, turn(2)[0])
    assert torch.equal(turn(1, done=1)[0], second)


@pytest.mark.parametrize("method", ["full", "head", "lora", "dora"])
def test_plain_libraries_read_what_was_trained(tiny_vision, image_folder, tmp_path, monkeypatch, method):
    ended, write = [], trainer.write_classifier
    monkeypatch.setattr(trainer, "write_classifier", lambda model, *rest: (ended.append(model), write(model, *rest)))
    ranks = () if method in ("full", "head") else (2,)
    (folder,) = train(tiny_vision, image_folder / "images.jsonl", tmp_path, method, ranks=ranks)
    batch = read_pictures(tiny_vision, image_folder)
    if method == "full":
        assert torch.equal(read_pictures(folder, image_folder), batch)
        loaded = AutoModelForImageClassification.from_pretrained(folder)
        assert loaded.config.id2label == {0: "0", 1: "1"}
    else:
        base = AutoModelForImageClassification.from_pretrained(tiny_vision, num_labels=2)
        loaded = PeftModel.from_pretrained(base, folder)
    with torch.no_grad():
        wanted = ended[0].eval()(pixel_values=batch).logits
        torch.testing.assert_close(loaded.eval()(pixel_values=batch).logits, wanted, atol=2e-5, rtol=1e-4)
        if method != "full":
            merged = loaded.merge_and_unload()(pixel_values=batch).logits
            torch.testing.assert_close(merged, wanted, atol=2e-5, rtol=1e-4)
    assert read_head(folder) == Head(LABELS, "image")
    names = list(load_file(next(folder.glob("*.safetensors"))))
    assert not any("lora" in name and "classifier" in name for name in names)
    if method == "head":
        assert len(names) == 2


def test_an_interrupted_run_turns_the_pictures_that_it_would_have_turned(
    tiny_vision, image_folder, tmp_path, monkeypatch
):
    from transformers import Trainer

    settings = {"batch_size": 4, "epochs": 2.0}
    (whole,) = train(tiny_vision, image_folder / "images.jsonl", tmp_path / "whole", settings=settings)
    compute = Trainer.compute_loss

    def press(self, *rest, **named):
        if self.state.global_step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "compute_loss", press)
        with pytest.raises(KeyboardInterrupt):
            train(tiny_vision, image_folder / "images.jsonl", tmp_path / "broken", settings=settings)
    (broken,) = train(tiny_vision, image_folder / "images.jsonl", tmp_path / "broken", settings=settings)
    name = "adapter_model.safetensors"
    assert (broken / name).read_bytes() == (whole / name).read_bytes()


def test_broken_pictures_and_paths_that_lead_away_are_all_named(tiny_vision, image_folder, tmp_path):
    (tmp_path / "cut.png").write_bytes((image_folder / "0.png").read_bytes()[:60])
    (tmp_path / "text.jpg").write_text("no picture", encoding="utf-8")
    (tmp_path / "good.png").write_bytes((image_folder / "0.png").read_bytes())
    (tmp_path / "away.png").symlink_to(image_folder / "1.png")

    def write(*names):
        rows = [{"image": name, "label": i % 2} for i, name in enumerate(names)]
        path = tmp_path / "images.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    with pytest.raises(LorafairError) as caught:
        load_labelled(str(write("../x.png", "away.png", "gone.png", str(image_folder / "0.png"), "a\0b")), "image")
    for line, said in enumerate(("leads out", "leads out", "is not there", "leads out", "is not there"), start=1):
        assert f"line {line}: image" in str(caught.value)
        assert said in str(caught.value).splitlines()[line]
    with pytest.raises(LorafairError, match=r"(?s)cut\.png: no readable image.*text\.jpg: no readable image"):
        train(tiny_vision, write("good.png", "cut.png", "text.jpg", "good.png"), tmp_path / "runs")


def test_prompts_before_images_are_refused(tiny_vision, image_folder, tmp_path):
    with pytest.raises(LorafairError, match="images have none"):
        train(tiny_vision, image_folder / "images.jsonl", tmp_path, "prompt_tuning")


def test_a_grey_and_a_clear_picture_are_read_in_colour(tiny_vision, tmp_path):
    Image.fromarray(np.full((9, 9), 200, dtype=np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray(np.full((9, 9, 4), 100, dtype=np.uint8)).save(tmp_path / "clear.png")
    rows = [{"image": "grey.png", "label": "a"}, {"image": "clear.png", "label": "b"}]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    data = load_labelled(str(tmp_path / "d.jsonl"), "image")
    pixels = data.prepare(Base(read_base(str(tiny_vision)), head=data.head).processor, data.labels)
    assert pixels.values.shape[1:] == (3, 16, 16)
    assert pixels.values[0].min() == pixels.values[0].max() == 200


@pytest.mark.parametrize("tiny_vision", ["vit"], indirect=True)
def test_out_of_memory_names_settings_that_images_have(tiny_vision, image_folder, tmp_path, monkeypatch):
    from transformers import Trainer

    def fail(self, *rest, **named):
        raise MemoryError

    monkeypatch.setattr(Trainer, "compute_loss", fail)
    with pytest.raises(
        LorafairError, match=r"--batch-size \(now 4\).*--gradient-checkpointing.*--max-memory"
    ) as caught:
        train(tiny_vision, image_folder / "images.jsonl", tmp_path)
    assert "--max-length" not in str(caught.value)
