"""The hf engine against plain transformers and PEFT, on tiny random models."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines import hf
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

PROMPTS = ["The woman works as a", "The man is", "My Muslim neighbour spends every evening", "x"]
SAMPLED = {"do_sample": True, "temperature": 1.0, "max_gen_toks": 8, "until": ["\n"]}
GREEDY = {"do_sample": False, "max_gen_toks": 8, "until": ["\n"]}


def ask_all(engine, checkpoint, kind, arguments):
    requests = [
        Request(hashlib.sha256(json.dumps([kind, a]).encode()).hexdigest(), checkpoint, kind, a) for a in arguments
    ]
    found = {r.key: answer for r, answer in engine.ask(requests)}
    return [found[r.key] for r in requests]


@pytest.fixture(scope="module")
def served(tiny_base, tiny_adapters, tiny_full):
    base = read_base(str(tiny_base))
    checkpoints = read_checkpoints([*map(str, tiny_adapters), str(tiny_full)], base)
    return HfEngine(base, checkpoints, EngineSettings(dtype="float32", batch_size=3))


def reference(path, adapter, context, continuation):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    ids = tokenizer(context + continuation, return_tensors="pt")["input_ids"]
    start = len(tokenizer(context)["input_ids"])
    with torch.no_grad():
        logits = torch.log_softmax(model.eval()(ids).logits[0], -1)
    return float(sum(logits[i - 1, ids[0, i]] for i in range(start, ids.shape[1])))


def test_loglikelihood_equals_peft_forward_for_every_checkpoint_and_returns_to_base(
    served, tiny_base, tiny_adapters, tiny_full
):
    pairs = [(p, " a doctor in town.") for p in PROMPTS]
    before = ask_all(served, "base", "loglikelihood", pairs)
    for label, path, adapter in [
        ("base", tiny_base, None),
        ("tiny-r2", tiny_base, tiny_adapters[0]),
        ("tiny-r4", tiny_base, tiny_adapters[1]),
        ("tiny-full", tiny_full, None),
    ]:
        for (context, continuation), (nats, _) in zip(
            pairs, ask_all(served, label, "loglikelihood", pairs), strict=True
        ):
            assert nats == pytest.approx(reference(path, adapter, context, continuation), abs=1e-4)
    assert ask_all(served, "base", "loglikelihood", pairs) == before


def copy_adapter(source, target, scale, **settings):
    """An adapter with other weights of the same shapes, and other settings where they are given."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    weights = load_file(target / "adapter_model.safetensors")
    save_file({name: scale * value for name, value in weights.items()}, target / "adapter_model.safetensors")
    config = json.loads((target / "adapter_config.json").read_text()) | settings
    (target / "adapter_config.json").write_text(json.dumps(config))
    return str(target)


def test_an_adapter_takes_the_place_of_one_of_its_kind_and_answers_as_on_a_fresh_base(
    tiny_base, tiny_adapters, tiny_full, tmp_path, monkeypatch
):
    first = tiny_adapters[1]
    alike = copy_adapter(first, tmp_path / "alike", -0.5)
    stronger = copy_adapter(first, tmp_path / "stronger", 1.0, lora_alpha=64)
    paths = [str(first), alike, str(tiny_adapters[0]), alike, str(tiny_full), alike, stronger]
    base = read_base(str(tiny_base))
    known = {path: read_checkpoints([path], base)[0] for path in paths}
    settings = EngineSettings(dtype="float32", batch_size=3)
    pairs = [(p, " a doctor in town.") for p in PROMPTS]

    def ask_fresh(path):
        return ask_all(HfEngine(base, [known[path]], settings), known[path].label, "loglikelihood", pairs)

    fresh = {path: ask_fresh(path) for path in known}
    assert len({str(answers) for answers in fresh.values()}) == len(fresh)
    ways = []
    for way in ("put_on", "swap"):
        real = getattr(hf, way)
        monkeypatch.setattr(hf, way, lambda *a, way=way, real=real: ways.append(way) or real(*a))
    engine = HfEngine(base, list(known.values()), settings)
    before = ask_all(engine, "base", "loglikelihood", pairs)
    for path in paths:
        assert ask_all(engine, known[path].label, "loglikelihood", pairs) == fresh[path]
    assert ask_all(engine, "base", "loglikelihood", pairs) == before
    assert ways == ["put_on", "swap", "put_on", "put_on", "put_on", "put_on"]


def test_a_base_that_is_lent_is_itself_again_when_an_adapter_lent_beside_it_is_given_back(tiny_base, tiny_adapters):
    import torch

    base = read_base(str(tiny_base))
    (adapter,) = read_checkpoints([str(tiny_adapters[1])], base)
    engine = HfEngine(base, [adapter], EngineSettings(dtype="float32"))
    ids = torch.arange(8)[None]
    with torch.inference_mode(), engine.lend(base) as model:
        before = model(ids).logits
        with engine.lend(adapter) as other:
            assert not torch.equal(other(ids).logits, before)
        assert torch.equal(model(ids).logits, before)


def test_an_adapter_whose_folder_went_away_while_it_was_on_the_base_is_taken_off(tiny_base, tiny_adapters, tmp_path):
    gone = copy_adapter(tiny_adapters[1], tmp_path / "gone", 2.0)
    base = read_base(str(tiny_base))
    found = read_checkpoints([gone, *map(str, tiny_adapters)], base)
    pairs = [(p, " a doctor in town.") for p in PROMPTS]
    fresh = ask_all(HfEngine(base, found, EngineSettings(dtype="float32")), "tiny-r4", "loglikelihood", pairs)
    engine = HfEngine(base, found, EngineSettings(dtype="float32"))
    ask_all(engine, "gone", "loglikelihood", pairs)
    shutil.rmtree(gone)
    assert ask_all(engine, "tiny-r4", "loglikelihood", pairs) == fresh


def test_rolling_loglikelihood_is_the_sum_over_the_text(served, tiny_base):
    text = "The woman works as a doctor."
    (nats,) = ask_all(served, "base", "loglikelihood_rolling", [(text,)])
    prefix = served.tokenizer.decode([served.prefix_token_id])
    assert nats == pytest.approx(reference(tiny_base, None, prefix, text), abs=1e-4)


def test_sampled_answers_do_not_depend_on_their_neighbours(served):
    together = ask_all(served, "base", "generate_until", [(p, SAMPLED) for p in PROMPTS])
    alone = [ask_all(served, "base", "generate_until", [(p, SAMPLED)])[0] for p in PROMPTS]
    assert together == alone
    assert len(set(together)) == len(together)


def test_sampling_follows_the_softmax(served):
    """The first token of many draws has the model's own next-token distribution (chi-square over frequent tokens)."""
    import torch
    from scipy.stats import chisquare

    prompt, draws = PROMPTS[0], 2000
    one = SAMPLED | {"max_gen_toks": 1, "until": []}
    requests = [
        Request(hashlib.sha256(str(i).encode()).hexdigest(), "base", "generate_until", (prompt, one))
        for i in range(draws)
    ]
    served.batch_size, size = 500, served.batch_size
    texts = [answer for _, answer in served.ask(requests)]
    served.batch_size = size
    model = served._load(served.base)
    with torch.no_grad():
        logits = model(torch.tensor([served.tok_encode(prompt)])).logits[0, -1]
    share = torch.softmax(logits.double(), -1)
    every = [served.tokenizer.decode([t]) for t in range(len(share))]
    top = [t for t in share.topk(40).indices.tolist() if every.count(every[t]) == 1][:8]
    names = [every[t] for t in top]
    assert len(names) == 8
    seen = [texts.count(name) for name in names]
    expected = [float(share[t]) * draws for t in top]
    rest = draws - sum(expected)
    assert chisquare([*seen, draws - sum(seen)], [*expected, rest]).pvalue > 1e-4


def test_next_words_are_distinct_and_begin_with_the_greedy_one(served):
    from lorafair.engines.word import first_word

    words = ask_all(served, "tiny-r4", "next_words", [(p, {"k": 5}) for p in PROMPTS])
    greedy = ask_all(
        served, "tiny-r4", "generate_until", [(p, GREEDY | {"max_gen_toks": 6, "until": []}) for p in PROMPTS]
    )
    assert sum(map(len, words)) > 5
    for found, text in zip(words, greedy, strict=True):
        assert len({w.casefold() for w in found}) == len(found) <= 5
        starts = text[:1].isalpha() or text[:2].strip()[:1].isalpha()
        assert not starts or first_word(text) == found[0]


def test_an_adapter_with_trained_biases_leaves_nothing_behind(tmp_path_factory, llama_maker, adapter_maker):
    folder = tmp_path_factory.mktemp("biased")
    path = llama_maker(folder / "base", attention_bias=True)
    odd = adapter_maker(path, folder / "odd-v1.5", bias="all", target_modules=["q_proj"])
    from safetensors.torch import load_file, save_file

    weights = load_file(odd / "adapter_model.safetensors")
    biases = [name for name in weights if name.endswith("bias")]
    assert biases
    save_file({k: v + 1 if k in biases else v for k, v in weights.items()}, odd / "adapter_model.safetensors")
    plain = adapter_maker(path, folder / "plain", target_modules=["v_proj"])
    base = read_base(str(path))
    engine = HfEngine(base, read_checkpoints([str(odd), str(plain)], base), EngineSettings(dtype="float32"))
    pairs = [(p, " a doctor in town.") for p in PROMPTS]
    before = ask_all(engine, "base", "loglikelihood", pairs)
    assert ask_all(engine, "odd-v1.5", "loglikelihood", pairs) != before
    for (context, continuation), (nats, _) in zip(pairs, ask_all(engine, "plain", "loglikelihood", pairs), strict=True):
        assert nats == pytest.approx(reference(path, plain, context, continuation), abs=1e-4)
    assert ask_all(engine, "base", "loglikelihood", pairs) == before


def test_unknown_generation_setting_is_named(served):
    with pytest.raises(LorafairError, match="num_frogs"):
        ask_all(served, "base", "generate_until", [("x", GREEDY | {"num_frogs": 3})])


def test_adapter_that_peft_refuses_names_the_adapter(tiny_base, tiny_adapters, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(tiny_adapters[0], broken)
    config = json.loads((broken / "adapter_config.json").read_text())
    config["r"] = 3
    (broken / "adapter_config.json").write_text(json.dumps(config))
    base = read_base(str(tiny_base))
    engine = HfEngine(base, read_checkpoints([str(broken)], base), EngineSettings(dtype="float32"))
    with pytest.raises(LorafairError, match="broken"):
        ask_all(engine, "broken", "loglikelihood", [("a", " b")])
