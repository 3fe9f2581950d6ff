"""Every PEFT method through the hf engine, against PEFT alone: the same answers, and nothing left behind on the base."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

METHODS = yaml.safe_load(Path(__file__).with_name("peft_methods.yaml").read_text(encoding="utf-8"))
REFUSED = {"XLORA"}  # PEFT 0.21 saves an X-LoRA without its router: nothing can be loaded that was trained


@pytest.mark.parametrize("name", METHODS)
def test_answers_as_peft_does_and_leaves_nothing_behind(name, peft_bench, tmp_path):
    found, _ = peft_bench.build(name, tmp_path / name)
    expected = peft_bench.ask_peft(found, tmp_path / name)
    engine = peft_bench.serve(found, tmp_path / name)
    nats, texts = peft_bench.ask_both(engine, name)
    assert nats == pytest.approx(expected[0], abs=1e-4)
    assert texts == expected[1]
    assert min(abs(a - b) for a, b in zip(nats, found.own[0], strict=True)) > 1e-3
    assert peft_bench.ask_both(engine, "base") == found.own
    assert peft_bench.ask_both(engine, "plain") == found.other


def test_every_method_of_peft_is_tried():
    import peft

    of_class = {config.__name__: kind.value for kind, config in peft.PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    tried = {of_class[config] for config, *_ in METHODS.values()}
    assert {kind.value for kind in peft.PeftType} == tried | REFUSED
    assert not tried & REFUSED


def test_a_plain_adapter_does_not_cost_a_reload(peft_bench, tmp_path, monkeypatch):
    names = ["lora-all-linear", "lora-dora", "lora-rs", "lora-patterns", "prompt-tuning", "p-tuning", "prefix-tuning"]
    found = [peft_bench.build(name, tmp_path / name)[0] for name in names][0]
    engine = peft_bench.serve(found, *(tmp_path / name for name in names))
    peft_bench.ask_both(engine, "base")
    loads, load = [], engine._load
    monkeypatch.setattr(engine, "_load", lambda checkpoint: loads.append(checkpoint.label) or load(checkpoint))
    for name in [*names, "base", *reversed(names)]:
        peft_bench.ask_both(engine, name)
        assert loads == [], name


def test_after_a_full_model_the_base_and_its_adapters_answer_as_before(peft_bench, tmp_path, full_maker):
    found = peft_bench.find_base()
    full = full_maker(found.base.path, tmp_path / "full", size=0.2)
    engine = peft_bench.serve(found, full)
    assert peft_bench.ask_both(engine, "full") != found.own
    assert peft_bench.ask_both(engine, "plain") == found.other
    peft_bench.ask_both(engine, "full")
    assert peft_bench.ask_both(engine, "base") == found.own
