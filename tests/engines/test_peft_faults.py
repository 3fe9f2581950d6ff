"""Adapters that PEFT would load wrongly without a word: refused by name, or made right; and what their weights say."""

from __future__ import annotations

import json
import weakref

import pytest

from lorafair.checkpoint import read_checkpoints
from lorafair.engines.contract import CheckpointRefused
from lorafair.errors import LorafairError
from lorafair.responses.request import Request
from lorafair.weight_check import check_finite


def edit(folder, **changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder, change):
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(folder / "adapter_model.safetensors")), folder / "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("lora-gaussian", {"peft_type": "XLORA"}, "does not save the router"),
        ("lora-gaussian", {"init_lora_weights": "pissa_niter_16"}, "path_initial_model_for_weight_conversion"),
        ("lora-gaussian", {"init_lora_weights": "lora_ga"}, "path_initial_model_for_weight_conversion"),
        ("lora-gaussian", {"init_lora_weights": "corda"}, "path_initial_model_for_weight_conversion"),
        ("lora-gaussian", {"task_type": "SEQ_CLS"}, "trained for SEQ_CLS"),
        ("poly", {"n_tasks": 2}, "several tasks"),
        ("multitask-prompt-tuning", {"num_tasks": 2}, "several tasks"),
        ("multitask-prompt-tuning", {"prompt_tuning_init_state_dict_path": "source.bin"}, "source.bin"),
        ("pvera", {"sample_at_inference": True}, "sample_at_inference"),
        ("shadow", {"shadow_model": "someone/something"}, "someone/something"),
    ],
)
def test_what_peft_would_load_wrongly_is_refused_before_anything_runs(name, changes, why, peft_bench, tmp_path):
    found, _ = peft_bench.build(name, tmp_path / name)
    read_checkpoints([str(tmp_path / name)], found.base)
    edit(tmp_path / name, **changes)
    with pytest.raises(LorafairError, match=why):
        read_checkpoints([str(tmp_path / name)], found.base)


def test_an_adapter_without_weights_is_refused(peft_bench, tmp_path):
    found, _ = peft_bench.build("lora-gaussian", tmp_path / "empty")
    change_weights(tmp_path / "empty", lambda weights: {})
    with pytest.raises(LorafairError, match="holds no weights"):
        read_checkpoints([str(tmp_path / "empty")], found.base)


@pytest.mark.parametrize("name", ["lora-gaussian", "loha", "ia3", "adaption-prompt"])
def test_an_adapter_of_a_deeper_base_is_refused(name, peft_bench, tmp_path):
    found, _ = peft_bench.build(name, tmp_path / "deep")
    change_weights(tmp_path / "deep", lambda ws: {k.replace("layers.1.", "layers.2."): v for k, v in ws.items()})
    with pytest.raises(LorafairError, match=r"layers\.2"):
        read_checkpoints([str(tmp_path / "deep")], found.base)


@pytest.mark.parametrize("name", ["lora-gaussian", "loha", "vera"])
def test_missing_weights_refuse_the_adapter_and_the_others_are_answered(name, peft_bench, tmp_path):
    found, _ = peft_bench.build(name, tmp_path / "half")
    change_weights(tmp_path / "half", lambda weights: {k: v for k, v in weights.items() if "layers.1" not in k})
    engine = peft_bench.serve(found, tmp_path / "half")
    with pytest.raises(CheckpointRefused, match="missing adapter keys") as refused:
        peft_bench.ask_both(engine, "half")
    assert refused.value.label == "half"
    assert peft_bench.ask_both(engine, "plain") == found.other
    assert peft_bench.ask_both(engine, "base") == found.own


def test_a_changed_copy_of_the_embedding_does_not_stay_in_the_base(peft_bench, tmp_path):
    found, _ = peft_bench.build("lora-on-embedding", tmp_path / "copied")
    change_weights(tmp_path / "copied", lambda ws: {k: v + 0.1 * ("base_layer" in k) for k, v in ws.items()})
    engine = peft_bench.serve(found, tmp_path / "copied")
    nats, texts = peft_bench.ask_both(engine, "copied")
    expected = peft_bench.ask_peft(found, tmp_path / "copied")
    assert nats == pytest.approx(expected[0], abs=1e-4)
    assert texts == expected[1]
    assert peft_bench.ask_both(engine, "base") == found.own


def test_prompt_tuning_saved_without_a_task_is_still_served(peft_bench, tmp_path):
    found, _ = peft_bench.build("prompt-tuning", tmp_path / "prompt")
    expected = peft_bench.ask_peft(found, tmp_path / "prompt")
    edit(tmp_path / "prompt", task_type=None)
    nats, texts = peft_bench.ask_both(peft_bench.serve(found, tmp_path / "prompt"), "prompt")
    assert nats == pytest.approx(expected[0], abs=1e-4)
    assert texts == expected[1]


def test_rank_targets_and_trained_numbers_are_read_from_the_weights(peft_bench, tmp_path):
    expected = {
        "lora-patterns": (8, ("q_proj", "v_proj")),
        "lora-on-head": (4, ("lm_head", "q_proj")),
        "lora-on-embedding": (4, ("embed_tokens", "q_proj")),
        "lora-bias-all": (4, ("q_proj", "v_proj")),
        "adalora": (4, ("q_proj", "v_proj")),
        "oft": (None, ()),
        "vera": (4, ()),
        "tinylora": (2, ()),
        "shira": (4, ()),
        "ia3": (None, ()),
    }
    for name, (rank, targets) in expected.items():
        found, trained = peft_bench.build(name, tmp_path / name)
        (checkpoint,) = read_checkpoints([str(tmp_path / name)], found.base)
        assert (checkpoint.rank, checkpoint.targets) == (rank, targets), name
        assert checkpoint.trainable_parameters == trained, name


def test_positions_are_not_taken_for_weights_that_overflow(peft_bench, tmp_path):
    found, _ = peft_bench.build("supertuning", tmp_path / "sparse")
    change_weights(tmp_path / "sparse", lambda ws: {k: v + 100_000 * ("indices" in k) for k, v in ws.items()})
    check_finite(read_checkpoints([str(tmp_path / "sparse")], found.base), "float16")
    change_weights(tmp_path / "sparse", lambda ws: {k: v + 1e6 * ("values" in k) for k, v in ws.items()})
    with pytest.raises(LorafairError, match="infinite in float16"):
        check_finite(read_checkpoints([str(tmp_path / "sparse")], found.base), "float16")


def test_virtual_tokens_take_their_place_in_the_context(peft_bench, tmp_path):
    found, _ = peft_bench.build("prompt-tuning-gpt2", tmp_path / "prompt")
    engine = peft_bench.serve(found, tmp_path / "prompt")
    long = "The woman works as a doctor in town. " * 4
    greedy = {"do_sample": False, "max_gen_toks": 4, "until": []}
    asked = [("loglikelihood", (long, " a")), ("loglikelihood_rolling", (long,)), ("generate_until", (long, greedy))]
    assert len(engine.tok_encode(long)) > found.base.config["n_positions"]
    answers = list(engine.ask([Request(f"{i:064x}", "prompt", *question) for i, question in enumerate(asked)]))
    assert len(answers) == 3


def test_only_one_model_is_held_at_a_time(peft_bench, tmp_path, full_maker, monkeypatch):
    found, _ = peft_bench.build("lora-trained-head", tmp_path / "head")
    full = full_maker(found.base.path, tmp_path / "full")
    engine = peft_bench.serve(found, tmp_path / "head", full)
    load, loaded = engine._load, []

    def watch(checkpoint):
        model = load(checkpoint)
        assert [label for label, other in loaded if other() is not None] == []
        loaded.append((checkpoint.label, weakref.ref(model)))
        return model

    monkeypatch.setattr(engine, "_load", watch)
    questions = [("loglikelihood", ("The man", " is a")), ("generate_until", ("The man", {"max_gen_toks": 2}))]
    labels = ("full", "head", "base", "full", "plain")
    for label in labels:
        list(engine.ask([Request(f"{i:064x}", label, *question) for i, question in enumerate(questions)]))
    assert [label for label, _ in loaded] == ["full", "base", "base", "full", "base"]
