"""Bases in 4 and 8 bits: what is refused, what is said of evaluating such an adapter, and a training for real."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch
from peft import PeftModel

from lorafair import quantization
from lorafair.base import Base
from lorafair.checkpoint import read_base, read_checkpoint
from lorafair.errors import LorafairError
from lorafair.evaluation_fact import describe_run
from lorafair.plan import Plan, plan_runs
from lorafair.training import train_runs


def plan(base, data, out, **changes):
    given = {"methods": ("lora",), "ranks": (2,), "settings": {"batch_size": 4}, "lr": 1e-2, "quantize": "4bit"}
    return Plan(base=str(base), data=str(data), out=out, **given | changes)


@pytest.fixture
def installed(monkeypatch):
    """bitsandbytes looks installed, or not."""
    find = importlib.util.find_spec

    def pretend(there):
        fake = lambda name, *rest: (there or None) if name == "bitsandbytes" else find(name, *rest)  # noqa: E731
        monkeypatch.setattr(quantization.importlib.util, "find_spec", fake)

    return pretend


def test_what_needs_the_bases_own_weights_is_refused_by_name(tmp_path, installed):
    installed(True)
    for changes, message in (
        ({"methods": ("lora", "full", "pissa")}, r"(?s)method 'full' trains every weight.*method 'pissa' starts from"),
        ({"trainer": "classify"}, "trainer 'classify' needs a classification head"),
        ({"methods": ("head",), "ranks": ()}, "method 'head' trains a classification head"),
        ({"quantize": "3bit"}, "'3bit' is neither of 4bit and 8bit"),
    ):
        with pytest.raises(LorafairError, match=message):
            plan_runs(plan("b", "d", tmp_path, **changes))
    (run,) = plan_runs(plan("b", "d", tmp_path))
    assert (run.name, run.settings["quantize"]) == ("lora-r2-4bit", "4bit")
    (plain,) = plan_runs(plan("b", "d", tmp_path, quantize=None))
    assert "quantize" not in plain.settings


def test_without_bitsandbytes_one_message_says_what_to_install(tmp_path, installed):
    installed(False)
    with pytest.raises(LorafairError, match=r"needs bitsandbytes.*pip install 'lorafair\[quantize\]'"):
        plan_runs(plan("b", "d", tmp_path))


def test_the_evaluation_of_such_an_adapter_says_and_records_which_base_it_is_on(tiny_base, pair_file, tmp_path):
    from lorafair.evaluation import EvaluationPlan

    (folder,) = train_runs(plan(tiny_base, pair_file, tmp_path, quantize=None), say=lambda _: None)
    base, identity = read_base(str(tiny_base)), {"engine": "hf", "dtype": "bfloat16"}
    asked = EvaluationPlan(str(tiny_base), (str(folder),), ("t",), tmp_path)
    plain = read_checkpoint(folder, "x", base)
    assert quantization.tell_quantized([base, plain], "bfloat16") == []
    assert "base_dtype" not in describe_run(asked, base, plain, identity)["lorafair"]["provenance"]["settings"]
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    told["settings"]["quantize"] = "4bit"
    (folder / "provenance.json").write_text(json.dumps(told), encoding="utf-8")
    found = read_checkpoint(folder, "x", base)
    (line,) = quantization.tell_quantized([base, found], "bfloat16")
    assert "x: trained on the base in 4bit" in line
    assert line.endswith("in bfloat16.")
    settings = describe_run(asked, base, found, identity)["lorafair"]["provenance"]["settings"]
    assert settings["base_dtype"] == {"trained": "4bit", "evaluated": "bfloat16"}


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "method"), [("4bit", "lora"), ("8bit", "lora"), ("4bit", "dora")])
def test_an_adapter_is_trained_on_a_quantized_base_and_read_by_peft_alone(tiny_base, pair_file, tmp_path, kind, method):
    pytest.importorskip("bitsandbytes")
    asked = plan(tiny_base, pair_file, tmp_path, quantize=kind, methods=(method,), ranks=(2, 4))
    folders = train_runs(asked, say=lambda _: None)  # two runs: the quantized base is copied
    assert [folder.name for folder in folders] == [f"{method}-r{rank}-{kind}" for rank in (2, 4)]
    told = json.loads((folders[0] / "provenance.json").read_text(encoding="utf-8"))
    bits = {"4bit": 4, "8bit": 8}[kind]
    assert told["settings"]["quantization"]["bits"] == bits
    assert "bitsandbytes" in told["versions"]
    packed = Base(read_base(str(tiny_base)), quantize=kind).fresh()
    kinds = {type(module).__name__ for module in packed.modules()}
    assert f"Linear{'4bit' if bits == 4 else '8bitLt'}" in kinds
    text = torch.tensor([[3, 17, 40, 8, 99, 21]])
    with torch.no_grad():
        plain = Base(read_base(str(tiny_base))).fresh().eval()
        before = plain(text).logits
        after = PeftModel.from_pretrained(plain, folders[0]).eval()(text).logits
    assert (after - before).abs().max() > 1e-3
