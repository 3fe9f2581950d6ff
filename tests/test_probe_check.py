"""Probes on what cannot be compared: other tokenizers, too little memory, logits that are no numbers; and once more."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from click.testing import CliRunner
from lorafair.cli.main import cli
from lorafair.plugins.probes.kl import kl
from lorafair.plugins.probes.logit_lens import logit_lens

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.errors import LorafairError

DOCUMENTS = [{"id": "1", "text": "The woman works as a"}, {"id": "2", "text": "The man"}]
PROBES = [kl, logit_lens]


def open_engine(base, checkpoint):
    found = read_base(str(base))
    checkpoints = read_checkpoints([f"one={checkpoint}"], found)
    return HfEngine(found, checkpoints, EngineSettings(dtype="float32", device="cpu"))


def ask(probe, engine, **settings):
    return list(probe(engine, engine.checkpoints["one"], DOCUMENTS, **settings))


@pytest.fixture
def copied(tiny_base, tiny_adapters, tmp_path):
    """A copy of an adapter with the base's tokenizer beside it, as trainers leave it."""
    folder = shutil.copytree(tiny_adapters[0], tmp_path / "one")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_base / name, folder / name)
    return folder


@pytest.mark.parametrize("probe", PROBES)
def test_another_tokenizer_is_refused_and_other_padding_is_not(probe, tiny_base, copied):
    path = copied / "tokenizer.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["padding"] = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0,
                       "pad_type_id": 0, "pad_token": "<pad>"}  # fmt: skip
    path.write_text(json.dumps(told), encoding="utf-8")
    plain = ask(probe, open_engine(tiny_base, copied))
    vocabulary = told["model"]["vocab"]
    one, other = list(vocabulary)[300:302]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(LorafairError, match=r"one has another tokenizer than the base: 2 tokens differ"):
        ask(probe, open_engine(tiny_base, copied))
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    told["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(LorafairError, match="it cuts 'The woman works as a' differently"):
        ask(probe, open_engine(tiny_base, copied))
    path.write_text("{", encoding="utf-8")
    with pytest.raises(LorafairError, match="The tokenizer of one cannot be read"):
        ask(probe, open_engine(tiny_base, copied))
    assert plain


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError(
    "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")])  # fmt: skip
def test_too_little_memory_names_the_settings(probe, error, tiny_base, tiny_adapters, monkeypatch):
    from transformers import LlamaForCausalLM

    def fail(*_, **__):
        raise error

    engine = open_engine(tiny_base, tiny_adapters[0])
    monkeypatch.setattr(LlamaForCausalLM, "forward", fail)
    with pytest.raises(LorafairError, match=r"on one with 64 positions at once.*--settings positions=16.*bfloat16"):
        ask(probe, engine, positions=64)


@pytest.mark.parametrize("probe", PROBES)
def test_what_is_no_number_is_named(probe, tiny_base, full_maker, tmp_path):
    full = full_maker(tiny_base, tmp_path / "one")
    engine = open_engine(tiny_base, full)
    with engine.lend(engine.checkpoints["one"]) as model:
        model.lm_head.weight.data[3] = torch.nan
        model.save_pretrained(full)
    with pytest.raises(LorafairError, match=r"not numbers on 1, 2\. .*--dtype float32"):
        ask(probe, open_engine(tiny_base, full))


def test_a_checkpoint_that_fails_is_left_out_and_the_same_command_goes_on(tiny_base, tiny_adapters, copied, tmp_path):
    data, good = tmp_path / "texts.jsonl", (copied / "tokenizer.json").read_text(encoding="utf-8")
    long = [{"id": "3", "text": "a b " * 2000}]
    data.write_text("".join(json.dumps(each) + "\n" for each in [*DOCUMENTS, *long]), encoding="utf-8")
    command = ["probe", "logit_lens", "--base", tiny_base, "--checkpoint", f"two={tiny_adapters[1]}"]
    command += ["--checkpoint", f"one={copied}", "--data", data, "--out", tmp_path / "out", "--dtype", "float32"]
    (copied / "tokenizer.json").write_text("{", encoding="utf-8")
    failed = CliRunner().invoke(cli, [str(part) for part in command])
    assert failed.exit_code == 1
    assert "Left out:\n  - one: The tokenizer of one cannot be read" in failed.output
    kept = (tmp_path / "out" / "two" / "probe_logit_lens.jsonl").read_bytes()
    (copied / "tokenizer.json").write_text(good, encoding="utf-8")
    done = CliRunner().invoke(cli, [str(part) for part in command])
    assert done.exit_code == 0, done.output
    assert "1 checkpoints probed, 2 were probed already." in done.output
    assert "one: 4 records, 1 of texts that lost their start" in done.output
    assert (tmp_path / "out" / "two" / "probe_logit_lens.jsonl").read_bytes() == kept
