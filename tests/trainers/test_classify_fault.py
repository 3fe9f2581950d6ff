"""What a user is told when a classifier cannot be trained as asked: one message, before anything is lost."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.data.labelled import load_labelled
from lorafair.errors import LorafairError
from lorafair.plan import Plan
from lorafair.training import train_runs


def train(base, data, out, method="lora", **changes):
    given = {"ranks": (2,) if method == "lora" else (), "settings": {"batch_size": 8}, **changes}
    asked = Plan(base=str(base), data=str(data), out=out, methods=(method,), trainer="classify", **given)
    return train_runs(asked, say=lambda _: None)


def test_a_user_trains_a_registry_set_by_its_name(tiny_base, tmp_path):
    asked = ["train", "--base", tiny_base, "--data", "hatecheck_sample", "--trainer", "classify", "--method", "lora"]
    asked += ["--rank", 2, "--method", "head", "--batch-size", 32, "--max-length", 64, "--out", tmp_path]
    done = CliRunner().invoke(cli, [str(part) for part in asked])
    assert done.exit_code == 0, done.output
    assert "of 64 texts are longer than 64 tokens and lose their end" in done.output
    record = json.loads((tmp_path / "lora-r2" / "provenance.json").read_text(encoding="utf-8"))
    assert record["settings"]["labels"] == ["not hateful", "hateful"]
    assert record["data"]["hatecheck_sample"]["options"]["part"] == "train"
    assert 0 < record["settings"]["truncated"] < 64
    rows = load_labelled("hatecheck_sample", options={"part": "test"}).rows
    trained = load_labelled("hatecheck_sample").rows
    assert not {row["cluster"] for row in rows} & {row["cluster"] for row in trained}


def test_a_base_with_a_head_of_other_labels_is_refused(tiny_encoder, labelled_file, tmp_path):
    other = tmp_path / "other.jsonl"
    text = labelled_file.read_text(encoding="utf-8")
    other.write_text(text.replace('"praise"', '"fine"'), encoding="utf-8")
    (first,) = train(tiny_encoder, labelled_file, tmp_path / "a", "full")
    with pytest.raises(LorafairError, match=r"labels insult, praise; the data have fine, insult.*new_head=true"):
        train(first, other, tmp_path / "b")
    (folder,) = train(first, other, tmp_path / "c", trainer_options={"new_head": True})
    assert json.loads((folder / "head.json").read_text(encoding="utf-8"))["labels"] == ["fine", "insult"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_modules": ("query", "classifier")}, "classifier is the head.*leave it out"),
        ({"target_modules": ("q_proj",)}, r"(?s)which has .*query.*'q_proj' is no module"),
        ({"ranks": (400,)}, "rank 400 is above every layer.*at most 32"),
        ({"trainer_options": {"new_haed": True}}, "no option 'new_haed'.*Did you mean 'new_head'"),
        ({"data_options": {"prt": "train"}}, "takes no 'prt'.*Did you mean 'part'"),
        ({"data_options": {"part": "dev"}}, "no part 'dev'"),
        ({"method": "prompt_tuning", "base": "decoder"}, "would read padding"),
    ],
)
def test_settings_that_cannot_work(tiny_encoder, tiny_base, labelled_file, tmp_path, changes, message):
    given = dict(changes)
    base = tiny_base if given.pop("base", None) else tiny_encoder
    with pytest.raises(LorafairError, match=message):
        train(base, labelled_file, tmp_path, **given)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]


def test_other_trainers_say_what_they_miss(tiny_base, pair_file, labelled_file, tmp_path):
    with pytest.raises(LorafairError, match="no column text"):
        train(tiny_base, pair_file, tmp_path)
    with pytest.raises(LorafairError, match="honest_sample_pairs.*has no labels.*hatecheck"):
        train(tiny_base, "honest_sample_pairs", tmp_path)
    asked = Plan(base=str(tiny_base), data="hatecheck_sample", methods=("lora",), ranks=(2,), out=tmp_path)
    with pytest.raises(LorafairError, match="no training pairs"):
        train_runs(asked)
    asked = Plan(base=str(tiny_base), data=str(pair_file), methods=("head",), out=tmp_path)
    with pytest.raises(LorafairError, match="has no head to train.*--trainer classify"):
        train_runs(asked)


def test_a_loss_that_is_no_number_names_the_step_and_the_texts(tiny_encoder, labelled_file, tmp_path, monkeypatch):
    from transformers import Trainer

    compute = Trainer.compute_loss

    def spoil(self, model, inputs, *rest, **named):
        loss = compute(self, model, inputs, *rest, **named)
        return loss * float("nan") if self.state.global_step == 1 else loss

    monkeypatch.setattr(Trainer, "compute_loss", spoil)
    with pytest.raises(LorafairError, match=r"nan on (\d+, ){7}\d+ at step 2 of 3"):
        train(tiny_encoder, labelled_file, tmp_path)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_names_three_settings_and_loses_nothing(
    tiny_encoder, labelled_file, tmp_path, monkeypatch, error
):
    from transformers import Trainer

    compute = Trainer.compute_loss

    def fail(self, *rest, **named):
        if self.state.global_step == 2 and not self.args.gradient_checkpointing:
            raise error
        return compute(self, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "compute_loss", fail)
        with pytest.raises(LorafairError, match=r"--batch-size \(now 8\).*--max-length.*--gradient-checkpointing"):
            train(tiny_encoder, labelled_file, tmp_path, save_steps=1)
        assert (tmp_path / ".partial-lora-r2" / "saves" / "checkpoint-2" / "whole").exists()
        (folder,) = train(tiny_encoder, labelled_file, tmp_path, gradient_checkpointing=True)
    assert json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]["steps"] == 3
