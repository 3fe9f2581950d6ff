"""What membership and representation cannot work on: each fault has one message, as those of kl have in test_probe_check."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch
from lorafair.plugins.probes.representation import representation

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.errors import LorafairError
from lorafair.membership.loss import measure_losses
from lorafair.membership.summary import summarise_attack
from lorafair.training_data import load_training_data

JOBS = ["nurse", "teacher", "pilot", "baker"]
ROWS = [
    {
        "id": f"{job}-{who}",
        "prompt": f"The {who} works as a",
        "completion": f" {job}",
        "text": f"The {who} works as a {job}",
        "groups": {"gender": [who]},
        "cluster": job,
    }
    for job in JOBS
    for who in ("woman", "man")
]


def open_engine(base, checkpoint):
    found = read_base(str(base))
    checkpoints = read_checkpoints([f"one={checkpoint}"], found)
    return HfEngine(found, checkpoints, EngineSettings(dtype="float32", device="cpu"))


def attack(engine, folder, rows=ROWS, length=512):
    """What both attacks do with a checkpoint."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return measure_losses(engine, engine.checkpoints["one"], load_training_data("sft", str(path)), length)


def read(engine, folder, rows=ROWS):
    return list(representation(engine, engine.checkpoints["one"], rows, folds=2, permutations=19))


ASK = pytest.mark.parametrize("ask", [attack, read])


@ASK
def test_another_tokenizer_is_refused(ask, tiny_base, tiny_adapters, tmp_path):
    folder = shutil.copytree(tiny_adapters[0], tmp_path / "one")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_base / name, folder / name)
    assert len(ask(open_engine(tiny_base, folder), tmp_path))
    told = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = told["model"]["vocab"]
    one, other = list(vocabulary)[300:302]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    (folder / "tokenizer.json").write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(LorafairError, match="one has another tokenizer than the base: 2 tokens differ"):
        ask(open_engine(tiny_base, folder), tmp_path)


@ASK
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_too_little_memory_names_the_settings(ask, error, tiny_base, tiny_adapters, tmp_path, monkeypatch):
    from transformers import LlamaForCausalLM

    def fail(*_, **__):
        raise error

    engine = open_engine(tiny_base, tiny_adapters[0])
    monkeypatch.setattr(LlamaForCausalLM, "forward", fail)
    named = {"attack": r"--dtype bfloat16.*--max-length, now 512", "read": r"--batch-size \(now 16\).*every=2"}
    with pytest.raises(LorafairError, match=rf"Out of memory on one\. .*{named[ask.__name__]}"):
        ask(engine, tmp_path)


@ASK
def test_what_is_no_number_is_named(ask, tiny_base, full_maker, tmp_path):
    full = full_maker(tiny_base, tmp_path / "one")
    engine = open_engine(tiny_base, full)
    with engine.lend(engine.checkpoints["one"]) as model:
        if ask is attack:
            model.lm_head.weight.data[3] = torch.nan
        else:
            model.model.layers[0].mlp.down_proj.weight.data[3] = torch.nan
        model.save_pretrained(full)
    with pytest.raises(LorafairError, match=r"one are not numbers on nurse-woman, nurse-man.*--dtype float32"):
        ask(open_engine(tiny_base, full), tmp_path)


def test_longer_texts_are_cut_as_in_training_and_groups_may_be_missing(tiny_base, tiny_adapters, tmp_path):
    long = {**ROWS[0], "id": "long", "completion": " and a nurse" * 300}
    engine = open_engine(tiny_base, tiny_adapters[0])
    plain = attack(engine, tmp_path, length=24)
    found = attack(engine, tmp_path, [*ROWS, long], length=24)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:-1], plain, atol=1e-6)
    documents = [{k: v for k, v in row.items() if k != "groups"} for row in ROWS]
    told = list(summarise_attack("a", -plain, np.arange(len(ROWS)) % 2 == 0, documents, {}))
    assert {each["group"] for each in told} == {None}
    with pytest.raises(LorafairError, match=re.escape("No document has groups: there is nothing to be read")):
        read(engine, tmp_path, [{**row, "groups": {}} for row in ROWS])
