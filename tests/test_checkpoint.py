"""Checkpoints are read and held against their base before any weight is loaded."""

from __future__ import annotations

import json
import shutil

import pytest

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.errors import LorafairError


@pytest.fixture(scope="module")
def base(tiny_base):
    return read_base(str(tiny_base))


def test_rank_targets_and_parameters_come_from_the_weights(base, tiny_adapters):
    (found,) = read_checkpoints([f"mine={tiny_adapters[1]}"], base)
    assert (found.label, found.kind, found.rank) == ("mine", "adapter", 4)
    assert found.targets == ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
    from safetensors.torch import load_file

    weights = load_file(tiny_adapters[1] / "adapter_model.safetensors")
    assert found.trainable_parameters == sum(w.numel() for w in weights.values())


def test_every_fault_of_every_checkpoint_in_one_message(base, tiny_adapters, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    pickled = tmp_path / "pickled"
    shutil.copytree(tiny_adapters[0], pickled)
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    cut = tmp_path / "cut"
    shutil.copytree(tiny_adapters[0], cut)
    whole = (cut / "adapter_model.safetensors").read_bytes()
    (cut / "adapter_model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(LorafairError) as caught:
        read_checkpoints([str(tmp_path / "absent"), str(empty), str(pickled), str(cut), f"a/b={cut}"], base)
    message = str(caught.value)
    for part in ("no folder", "neither adapter_config.json", "pickles", "truncated", "no usable label"):
        assert part in message


def test_two_with_one_label_are_refused(base, tiny_adapters):
    with pytest.raises(LorafairError, match="Two checkpoints are called 'same'"):
        read_checkpoints([f"same={tiny_adapters[0]}", f"same={tiny_adapters[1]}"], base)


def test_adapter_of_a_wider_base_is_refused_by_its_shapes(base, tmp_path, llama_maker, adapter_maker):
    wide = llama_maker(tmp_path / "wide", hidden=64)
    with pytest.raises(LorafairError, match="does not fit the base"):
        read_checkpoints([str(adapter_maker(wide, tmp_path / "of-wide"))], base)


def test_adapter_whose_provenance_names_other_weights_is_refused(base, tiny_adapters, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tiny_adapters[0], other)
    record = {"settings": {"base": {"name": "elsewhere", "hash": "0" * 64}}}
    (other / "provenance.json").write_text(json.dumps(record))
    with pytest.raises(LorafairError, match="trained on another base"):
        read_checkpoints([str(other)], base)


def test_full_model_of_another_shape_is_refused(base, tmp_path, llama_maker):
    other = llama_maker(tmp_path / "other", num_hidden_layers=3)
    with pytest.raises(LorafairError, match="num_hidden_layers is 3"):
        read_checkpoints([str(other)], base)


def test_absent_base_names_the_command_that_gets_one(tmp_path):
    with pytest.raises(LorafairError, match="lorafair models pull"):
        read_base(str(tmp_path / "nothing"))


def test_damaged_safetensors_header(base, tiny_adapters, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(tiny_adapters[0], bad)
    (bad / "adapter_model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(LorafairError, match="not a safetensors file"):
        read_checkpoints([str(bad)], base)
