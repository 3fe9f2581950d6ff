"""The logit lens against explicit loops in float64 over three architectures, its two ends, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lorafair.plugins.probes.kl import kl
from lorafair.plugins.probes.logit_lens import logit_lens
from scipy.special import log_softmax

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines import hf_lens
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.errors import LorafairError

DOCUMENTS = [
    {"id": "1", "prompt": "The woman works as a", "completion": " doctor in town."},
    {"id": "2", "prompt": "The man", "completion": " sings"},
    {"id": "3", "text": "My neighbour spends every evening as a"},
]
KINDS = ("kl", "kl_base", "tv", "js")


def make_model(name, folder, tiny_base):
    """A random model of two layers of another architecture, with the tiny base's tokenizer."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_base)
    size = {"vocab_size": len(tokenizer), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    shape = {
        "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
        "Gemma2": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 256,
            "final_logit_softcapping": 3.0,
        },
        "OPT": {
            "hidden_size": 32,
            "ffn_dim": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 256,
            "word_embed_proj_dim": 16,
        },
    }
    torch.manual_seed(3)
    spread = {"init_std": 0.3} if name == "OPT" else {"initializer_range": 0.3}
    config = getattr(transformers, f"{name}Config")(**size, **shape[name], **spread)
    getattr(transformers, f"{name}{'LMHead' if name == 'GPT2' else 'ForCausalL'}{'Model' if name == 'GPT2' else 'M'}")(
        config
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def open_engine(base, specs):
    found = read_base(str(base))
    return HfEngine(found, read_checkpoints(specs, found), EngineSettings(dtype="float32", device="cpu"))


def read_by_hand(model, ids):
    """(layers + 1, positions, vocabulary) of one text, from the attributes of each architecture by name, in float64."""
    name = type(model).__name__
    with torch.no_grad():
        found = model(torch.tensor([ids]), output_hidden_states=True)
        states = [state[0] for state in found.hidden_states[:-1]]
        layers = []
        for state in states:
            rows = []
            for position in state:  # one at a time
                if name.startswith("Llama"):
                    row = model.lm_head(model.model.norm(position))
                elif name.startswith("GPT2"):
                    row = model.lm_head(model.transformer.ln_f(position))
                elif name.startswith("Gemma2"):
                    row = torch.tanh(model.lm_head(model.model.norm(position)) / 3.0) * 3.0
                else:
                    decoder = model.model.decoder
                    row = model.lm_head(decoder.project_out(decoder.final_layer_norm(position)))
                rows.append(row.numpy())
            layers.append(np.stack(rows))
        return np.stack([*layers, found.logits[0].numpy()])


def compare_by_hand(ours, base):
    """The four divergences of two rows of logits, one word of the vocabulary after another."""
    log_p, log_q = log_softmax(ours), log_softmax(base)
    kl, back, tv, js = 0.0, 0.0, 0.0, 0.0
    for a, b in zip(log_p, log_q, strict=True):
        p, q = np.exp(a), np.exp(b)
        m = np.log((p + q) / 2)
        kl, back = kl + p * (a - b), back + q * (b - a)
        tv, js = tv + abs(p - q) / 2, js + p * (a - m) / 2 + q * (b - m) / 2
    return [kl, back, tv, js]


@pytest.mark.parametrize("name", ["Llama", "GPT2", "Gemma2", "OPT"])
def test_every_layer_is_as_far_away_as_explicit_loops_say(name, tiny_base, adapter_maker, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = tiny_base if name == "Llama" else make_model(name, tmp_path / "base", tiny_base)
    adapter = adapter_maker(base, tmp_path / "lora")
    engine = open_engine(base, [f"lora={adapter}"])
    *records, told = list(logit_lens(engine, engine.checkpoints["lora"], DOCUMENTS))
    assert told["layers"] == 2
    assert (
        told["norm"]
        == {
            "Llama": "model.norm",
            "GPT2": "transformer.ln_f",
            "Gemma2": "model.norm",
            "OPT": "model.decoder.final_layer_norm",
        }[name]
    )
    assert (told["head"], told["between"]) == ("lm_head", ["model.decoder.project_out"] if name == "OPT" else [])
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64).eval()
    other = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64)
    tuned = PeftModel.from_pretrained(other, adapter).double().merge_and_unload().eval()
    for document, record in zip(DOCUMENTS, records, strict=True):
        prompt, answer = document.get("prompt", document.get("text")), document.get("completion", "")
        context, own = engine.encode_pair(prompt, answer) if answer else (engine.tok_encode(prompt), [])
        ours, theirs = (read_by_hand(model, [*context, *own]) for model in (tuned, plain))
        places = range(len(context) - 1, len(context) - 1 + max(len(own), 1))
        expected = np.array([[compare_by_hand(a[k], b[k]) for k in places] for a, b in zip(ours, theirs, strict=True)])
        for number, kind in enumerate(KINDS):
            np.testing.assert_allclose(record[kind], expected[:, :, number].mean(1), atol=1e-5, rtol=1e-4)
            np.testing.assert_allclose(record[f"first_{kind}"], expected[:, 0, number], atol=1e-5, rtol=1e-4)
        assert record["kl_over_layers"] == pytest.approx(np.mean(record["kl"]))
        assert record["kl"][1] > 1e-4
    engine.close()


@pytest.fixture(scope="module")
def served(tiny_base, tiny_full, adapter_maker, tmp_path_factory):
    """An engine in float32 with a random adapter, one that does nothing, the first merged, and a full model."""
    from peft import PeftModel
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("lens")
    lora, idle = adapter_maker(tiny_base, folder / "lora"), adapter_maker(tiny_base, folder / "idle")
    weights = load_file(idle / "adapter_model.safetensors")
    zero = {key: value * 0 if "lora_B" in key else value for key, value in weights.items()}
    save_file(zero, idle / "adapter_model.safetensors", metadata={"format": "pt"})
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    PeftModel.from_pretrained(model, lora).merge_and_unload().save_pretrained(folder / "merged")
    head = adapter_maker(tiny_base, folder / "head", target_modules=["lm_head"])
    names = {"lora": lora, "idle": idle, "merged": folder / "merged", "full": tiny_full, "head": head}
    engine = open_engine(tiny_base, [f"{label}={path}" for label, path in names.items()])
    yield engine
    engine.close()


def ask(engine, label, **settings):
    return list(logit_lens(engine, engine.checkpoints[label], DOCUMENTS, **settings))[:-1]


@pytest.mark.parametrize(("label", "texts"), [("lora", "given"), ("full", "given"), ("lora", "greedy")])
def test_the_last_layer_is_what_kl_says_to_the_last_bit(served, label, texts):
    lens = ask(served, label, texts=texts, tokens=4)
    for one, other in zip(lens, kl(served, served.checkpoints[label], DOCUMENTS, texts=texts, tokens=4), strict=True):
        for kind in (*KINDS, *(f"first_{kind}" for kind in KINDS)):
            assert one[kind][-1] == other[kind]
        assert (one["positions"], one["cut"]) == (other["positions"], other["cut"])


def test_nothing_changed_is_nothing_at_every_layer_and_merging_changes_nothing(served):
    for label in ("base", "idle"):
        for record in ask(served, label):
            assert {number for kind in KINDS for number in record[kind]} == {0.0}
    for one, other in zip(ask(served, "lora"), ask(served, "merged"), strict=True):
        for kind in KINDS:
            np.testing.assert_allclose(one[kind], other[kind], atol=1e-5)


def test_an_adapter_on_the_head_is_seen_at_every_layer_and_one_elsewhere_not_before_the_first(served):
    assert all(record["kl"][0] > 1e-4 for record in ask(served, "head"))
    assert all(record["kl"][0] == 0 < record["kl"][1] for record in ask(served, "lora"))


def test_a_few_positions_at_a_time_are_the_same(served):
    for one, other in zip(ask(served, "lora"), ask(served, "lora", positions=1), strict=True):
        for kind in KINDS:
            np.testing.assert_allclose(one[kind], other[kind], atol=1e-6)


def test_a_model_without_a_final_norm_is_refused(tiny_base, tmp_path):
    from transformers import OPTConfig, OPTForCausalLM

    folder = make_model("OPT", tmp_path / "opt", tiny_base)
    OPTForCausalLM(OPTConfig.from_pretrained(folder, do_layer_norm_before=False)).save_pretrained(folder)
    engine = open_engine(folder, [])
    with pytest.raises(LorafairError, match=r"into OPTForCausalLM: no final norm .*layers\.1\.final_layer_norm, is in"):
        list(logit_lens(engine, engine.base, DOCUMENTS))
    engine.close()


def test_what_it_does_not_know_between_layer_and_logits_is_noticed(tiny_base, tmp_path, monkeypatch):
    engine = open_engine(make_model("Gemma2", tmp_path / "gemma", tiny_base), [])
    monkeypatch.setattr(hf_lens, "_read_finish", lambda config: lambda logits: logits)  # forgets the soft cap
    with pytest.raises(LorafairError, match="model.norm and lm_head do not give its own logits"):
        list(logit_lens(engine, engine.base, DOCUMENTS))
    engine.close()
