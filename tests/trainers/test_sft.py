"""What SFT trains and writes: the loss mask, plain folders, equal seeds, a base read once, a halt on bad numbers."""

from __future__ import annotations

import json
import logging
import warnings

import pytest
import torch
from lorafair.trainers.sft import pad_right
from safetensors.torch import load_file

from lorafair.base import Base
from lorafair.checkpoint import read_base, read_checkpoint
from lorafair.data.pairs import load_pairs
from lorafair.errors import LorafairError
from lorafair.plan import Plan
from lorafair.records import Provenance
from lorafair.training import train_runs


def plan(base, data, out, **changes):
    settings = {"batch_size": 4, **changes.pop("settings", {})}
    given = {"methods": ("lora",), "ranks": (2,), **changes}
    return Plan(base=str(base), data=str(data), out=out, settings=settings, **given)


@pytest.fixture(scope="module")
def sweep(tiny_base, pair_file, tmp_path_factory):
    """Two ranks and all weights in one process; also how often the base's weights and the pairs were read."""
    out = tmp_path_factory.mktemp("sweep")
    reads, tokenised = [], []
    with pytest.MonkeyPatch.context() as patch:
        import lorafair.data.pairs as pairs

        read, tokenise = Base._read, pairs.tokenise_pairs
        patch.setattr(Base, "_read", lambda self: (reads.append(1), read(self))[1])
        patch.setattr(pairs, "tokenise_pairs", lambda *a: (tokenised.append(1), tokenise(*a))[1])
        folders = train_runs(
            plan(tiny_base, pair_file, out, methods=("full", "lora"), ranks=(2, 4)), say=lambda _: None
        )
    return folders, len(reads), len(tokenised)


def test_only_completion_and_end_carry_loss(tiny_base, pair_file):
    base = Base(read_base(str(tiny_base)))
    data = load_pairs(str(pair_file))
    examples = data.tokenise(base.tokenizer, 512).examples
    for row, example in zip(data.rows, examples, strict=True):
        kept = [label for label in example["labels"] if label != -100]
        assert base.tokenizer.decode(kept) == row["completion"] + "<|end|>"
        prompt = example["input_ids"][: -len(kept)]
        assert base.tokenizer.decode(prompt) == row["prompt"]
        assert example["input_ids"][-len(kept) :] == kept
        assert example["labels"][: -len(kept)] == [-100] * len(prompt)


def test_padding_is_masked_although_it_is_the_end_token():
    batch = pad_right(0)([{"input_ids": [5, 6, 0], "labels": [-100, 6, 0]}, {"input_ids": [7], "labels": [7]}])
    assert batch["input_ids"].tolist() == [[5, 6, 0], [7, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 0], [7, -100, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_the_loss_is_the_cross_entropy_of_completions(tiny_base, tmp_path):
    """One step over one batch: the recorded loss equals one computed by hand from the base's logits."""
    data = tmp_path / "one.jsonl"
    data.write_text('{"prompt": "The man", "completion": " works"}\n{"prompt": "A", "completion": " b c d"}\n')
    (folder,) = train_runs(plan(tiny_base, data, tmp_path / "runs"), say=lambda _: None)
    base = Base(read_base(str(tiny_base)))
    model, terms = base.fresh().eval(), []
    for prompt, completion in (("The man", " works"), ("A", " b c d")):
        head = base.tokenizer(prompt)["input_ids"]
        ids = [*base.tokenizer(prompt + completion)["input_ids"], 0]
        with torch.no_grad():
            scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        terms += [-float(scores[i - 1, ids[i]]) for i in range(len(head), len(ids))]
    facts = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]
    assert facts["steps"] == 1
    assert facts["final_loss"] == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_a_sweep_reads_the_base_and_tokenises_once(sweep):
    folders, reads, tokenised = sweep
    assert [folder.name for folder in folders] == ["lora-r2", "lora-r4", "full"]
    assert (reads, tokenised) == (1, 1)


def test_folders_are_plain_and_whole(sweep, tiny_base, pair_file):
    folders, _, _ = sweep
    assert sorted(p.name for p in folders[0].parent.iterdir()) == ["full", "lora-r2", "lora-r4"]
    for folder in folders[:2]:
        names = sorted(p.name for p in folder.iterdir())
        assert names == ["adapter_config.json", "adapter_model.safetensors", "provenance.json"]
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        assert config["base_model_name_or_path"] == str(tiny_base)
        assert (config["lora_alpha"], config["target_modules"]) == (2 * config["r"], sorted(config["target_modules"]))
    names = {p.name for p in folders[2].iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "provenance.json"} <= names
    assert not {n for n in names if n.endswith((".bin", ".pt", ".pth")) or n in ("training.json", "README.md")}
    base = read_base(str(tiny_base))
    for folder, rank in zip(folders, (2, 4, None), strict=True):
        record = Provenance.model_validate_json((folder / "provenance.json").read_text(encoding="utf-8"))
        facts = record.settings
        assert record.kind == "checkpoint"
        assert record.seeds == {"training": 13}
        assert facts["base"] == {"name": str(tiny_base), "hash": base.hash}
        assert (facts["rank"], facts["alpha_rule"]) == (rank, "2r" if rank else None)
        assert facts["lr"] == (5e-4 if rank else 5e-5)
        assert facts["steps"] == 10
        tensors = load_file(folder / ("adapter_model.safetensors" if rank else "model.safetensors"))
        assert facts["trainable_parameters"] == sum(t.numel() for t in tensors.values())
        assert read_checkpoint(folder, folder.name, base).rank == rank


def test_every_run_starts_from_the_same_clean_base(sweep, tiny_base, pair_file, tmp_path):
    """What the sweep trained equals what each run trains alone: nothing leaks from one run to the next."""
    folders, _, _ = sweep
    for changes in ({"ranks": (4,)}, {"methods": ("full",), "ranks": ()}):
        (alone,) = train_runs(plan(tiny_base, pair_file, tmp_path, **changes), say=lambda _: None)
        weights = next(alone.glob("*.safetensors"))
        assert weights.read_bytes() == next((folders[0].parent / alone.name).glob("*.safetensors")).read_bytes()


def test_another_seed_trains_another_adapter_and_training_changes_the_model(sweep, tiny_base, pair_file, tmp_path):
    folders, _, _ = sweep
    train_runs(plan(tiny_base, pair_file, tmp_path, seeds=(13, 14)), say=lambda _: None)
    same, other = (load_file(tmp_path / f"lora-r2-seed{s}" / "adapter_model.safetensors") for s in (13, 14))
    first = load_file(folders[0] / "adapter_model.safetensors")
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert not any(torch.equal(first[k], other[k]) for k in first)
    assert all(float(v.abs().max()) > 0 for k, v in first.items() if "lora_B" in k)
    full, base = load_file(folders[2] / "model.safetensors"), load_file(tiny_base / "model.safetensors")
    assert all(not torch.equal(full[k], base[k]) for k in base)


def test_adapters_on_the_head_and_bf16_autocast_train(tiny_base, pair_file, tmp_path):
    asked = plan(tiny_base, pair_file, tmp_path, target_modules=("lm_head", "q_proj"), settings={"precision": "bf16"})
    (folder,) = train_runs(asked, say=lambda _: None)
    tensors = load_file(folder / "adapter_model.safetensors")
    assert any("lm_head.lora_B" in k and float(v.abs().max()) > 0 for k, v in tensors.items())
    assert {v.dtype for v in tensors.values()} == {torch.float32}


def test_unknown_target_modules_are_named_with_those_that_exist(tiny_base, pair_file, tmp_path):
    with pytest.raises(LorafairError, match=r"q_projs.*Did you mean 'q_proj'") as caught:
        train_runs(plan(tiny_base, pair_file, tmp_path, target_modules=("v_proj", "q_projs", "c_attn")), say=print)
    assert "c_attn" in str(caught.value)
    assert "up_proj" in str(caught.value)


def test_a_diverging_run_stops_names_the_step_and_keeps_the_last_good_save(tiny_base, pair_file, tmp_path, monkeypatch):
    from transformers import Trainer

    compute = Trainer.compute_loss

    def spoil(self, model, *rest, **named):
        if self.state.global_step == 6:
            with torch.no_grad():
                next(p for p in model.parameters() if p.requires_grad).fill_(float("nan"))
        return compute(self, model, *rest, **named)

    monkeypatch.setattr(Trainer, "compute_loss", spoil)
    with pytest.raises(LorafairError, match=r"nan on \d+(, \d+){3} at step 7 of 10 .*\(step 6\) is kept") as caught:
        train_runs(plan(tiny_base, pair_file, tmp_path, save_steps=3), say=print)
    assert "--lr" in str(caught.value)
    save = tmp_path / ".partial-lora-r2" / "saves" / "checkpoint-6"
    assert all(bool(t.isfinite().all()) for t in load_file(save / "adapter_model.safetensors").values())
    assert not (tmp_path / "lora-r2").exists()


def test_a_save_never_holds_weights_that_are_not_numbers(tiny_base, pair_file, tmp_path, monkeypatch):
    """An update can spoil the weights while the loss before it was fine: the save right after it must not happen."""
    step = torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW,
        "step",
        lambda self, *a, **k: (step(self, *a, **k), [p.data.fill_(torch.inf) for p in self.param_groups[0]["params"]])[
            0
        ],
    )
    with pytest.raises(LorafairError, match="weight is no longer a finite number at step 1"):
        train_runs(plan(tiny_base, pair_file, tmp_path, save_steps=1), say=print)


def test_training_is_quiet(tiny_base, pair_file, tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        train_runs(plan(tiny_base, pair_file, tmp_path), say=print)
    out, err = capfd.readouterr()
    assert out.splitlines() == [f"trained: {tmp_path / 'lora-r2'}"]
    assert len(err.strip().splitlines()) == 1
    assert "10 steps in" in err
    assert logging.getLogger("transformers").level != logging.CRITICAL
