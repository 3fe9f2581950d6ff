"""Classifiers of texts: held to torch and scikit-learn, and plain folders with their head."""

from __future__ import annotations

import json

import lorafair.trainers.classify as classify
import numpy as np
import pytest
import torch
from lorafair.trainers.fit import start_classifier
from lorafair.trainers.loop import run_loop
from lorafair.trainers.method import lora
from lorafair.trainers.sft import add_adapter
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForMaskedLM

from lorafair.base import Base
from lorafair.checkpoint import read_base
from lorafair.head import Head, read_head
from lorafair.plan import Plan
from lorafair.training import train_runs

RANKED = ("lora", "rslora", "dora", "pissa", "olora", "adalora", "vera")
LABELS = ("insult", "praise")
ENCODER = [*((name, {}) for name in (*RANKED, "full", "head", "ia3", "fractional", "prompt_tuning"))]
ENCODER += [("peft", {"config": "LoHaConfig", "r": 2})]
DECODER = [("full", {}), ("head", {}), ("lora", {}), ("dora", {}), ("prefix_tuning", {"tokens": 3})]


def train(base, data, out, method="lora", **changes):
    given = {"ranks": (2,) if method in RANKED else (), "settings": {"batch_size": 4}, "lr": 1e-2, **changes}
    asked = Plan(base=str(base), data=str(data), out=out, methods=(method,), trainer="classify", **given)
    return train_runs(asked, say=lambda _: None)


def read_facts(folder):
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]


def read_batch(base, data):
    """All texts as one batch padded by the tokenizer, made without the project's code."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    texts = [json.loads(line)["text"] for line in data.read_text(encoding="utf-8").splitlines()]
    rows = [tokenizer(text)["input_ids"] for text in texts]
    longest = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [tokenizer.pad_token_id] * (longest - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
    }


def load_plainly(base, folder, merge=False):
    """What transformers and PEFT alone read from the base and the folder."""
    if (folder / "config.json").exists():
        return AutoModelForSequenceClassification.from_pretrained(folder).eval()
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    model = PeftModel.from_pretrained(model, folder).eval()
    return model.merge_and_unload() if merge else model


@pytest.fixture
def ended(monkeypatch):
    """Each trained model, before it is written."""
    found, write = [], classify.write_classifier
    monkeypatch.setattr(classify, "write_classifier", lambda model, *rest: (found.append(model), write(model, *rest)))
    return found


@pytest.mark.parametrize(
    ("kind", "method", "options"), [("encoder", *one) for one in ENCODER] + [("decoder", *one) for one in DECODER]
)
def test_plain_libraries_read_what_was_trained(
    tiny_encoder, tiny_base, labelled_file, tmp_path, ended, kind, method, options
):
    base = tiny_encoder if kind == "encoder" else tiny_base
    (folder,) = train(base, labelled_file, tmp_path, method, options=options)
    batch = read_batch(base, labelled_file)
    with torch.no_grad():
        wanted = ended[0].eval()(**batch).logits
        torch.testing.assert_close(load_plainly(base, folder)(**batch).logits, wanted, atol=2e-5, rtol=1e-4)
        if method not in ("full", "prompt_tuning", "prefix_tuning"):
            merged = load_plainly(base, folder, merge=True)(**batch).logits
            torch.testing.assert_close(merged, wanted, atol=2e-5, rtol=1e-4)
    assert read_head(folder) == Head(LABELS)
    facts = read_facts(folder)
    assert facts["label2id"] == {"insult": 0, "praise": 1}
    tensors = load_file(next(folder.glob("*.safetensors")))
    head = [name for name in tensors if "classifier" in name or "score" in name]
    assert head
    assert not any("lora" in name for name in head)
    if method == "head":
        assert len(head) == len(tensors) == (2 if kind == "encoder" else 1)
        assert facts["trainable_parameters"] == sum(tensor.numel() for tensor in tensors.values())
    if method in ("lora", "rslora"):
        linear = 13 if kind == "encoder" else 14  # all of two layers (and a pooler), none twice
        assert sum("lora_A" in name for name in tensors) == linear


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_the_loss_of_a_step_is_torchs_cross_entropy(tiny_encoder, tiny_base, labelled_file, tmp_path, kind):
    """One step over one padded batch: the recorded loss equals that of every text put in alone, without padding."""
    path = tiny_encoder if kind == "encoder" else tiny_base
    (folder,) = train(path, labelled_file, tmp_path, settings={"batch_size": 24}, seeds=(5,))
    base = Base(read_base(str(path)), head=Head(LABELS))
    _, model, _ = start_classifier(base, None, seed=5, start=tmp_path / "start", new_head=False)
    losses = []
    for line in labelled_file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        with torch.no_grad():
            logits = model.eval()(torch.tensor([base.tokenizer(row["text"])["input_ids"]])).logits
        losses.append(float(torch.nn.functional.cross_entropy(logits, torch.tensor([LABELS.index(row["label"])]))))
    assert read_facts(folder)["steps"] == 1
    assert read_facts(folder)["final_loss"] == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.fixture
def narrow(request, tiny_encoder, tiny_base, write_texts, tmp_path):
    """A random base of eight features, so that the best head is reached in few steps; an encoder or a decoder."""
    from transformers import BertModel, LlamaConfig, LlamaForCausalLM

    folder = tmp_path / request.param
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    if request.param == "encoder":
        known = BertConfig.from_pretrained(tiny_encoder).to_dict() | shape | {"initializer_range": 0.8}
        model = BertModel(BertConfig(**known)).eval()
        with torch.no_grad():  # a pooler that whitens: a head on features that are nearly the same takes long
            seen = model(**read_batch(tiny_encoder, write_texts(tmp_path / "w.jsonl", 240))).last_hidden_state[:, 0]
            values, vectors = torch.linalg.eigh(torch.cov(seen.T))
            values = values.clamp(min=1e-4 * float(values.max()))
            model.pooler.dense.weight.copy_(0.5 * vectors @ torch.diag(values**-0.5) @ vectors.T)
            model.pooler.dense.bias.copy_(-model.pooler.dense.weight @ seen.mean(0))
        model.save_pretrained(folder)
    else:
        known = LlamaConfig.from_pretrained(tiny_base).to_dict() | shape | {"head_dim": 4, "num_key_value_heads": 2}
        LlamaForCausalLM(LlamaConfig(**known | {"initializer_range": 0.8})).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_encoder if request.param == "encoder" else tiny_base).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("narrow", ["encoder", "decoder"], indirect=True)
def test_rank_zero_is_logistic_regression_on_frozen_features(narrow, write_texts, tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    path, kind = narrow, narrow.name
    data, held_out = write_texts(tmp_path / "a.jsonl", 240, 0.2, 7), write_texts(tmp_path / "b.jsonl", 400, 0.1, 8)
    settings = {"batch_size": 240, "epochs": 100.0}
    (folder,) = train(path, data, tmp_path / "runs", "head", settings=settings, lr=0.3)
    model = load_plainly(path, folder)

    def look(file):
        """(frozen features, labels, the trained head's logits) of every text."""
        caught = []
        layer = model.get_submodule("base_model.model." + ("classifier" if kind == "encoder" else "score"))
        hook = layer.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
        batch = read_batch(path, file)
        with torch.no_grad():
            logits = model(**batch).logits
        hook.remove()
        seen = caught[0]
        if seen.dim() == 3:  # a decoder's head reads every token; its answer is the last one's
            seen = seen[torch.arange(len(seen)), batch["attention_mask"].sum(1) - 1]
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return seen.numpy(), np.array([LABELS.index(row["label"]) for row in rows]), logits

    features, labels, logits = look(data)
    oracle = LogisticRegression(C=np.inf, fit_intercept=kind == "encoder", max_iter=20_000, tol=1e-10)
    oracle.fit(features, labels)
    loss = float(torch.nn.functional.cross_entropy(logits, torch.tensor(labels)))
    assert loss == pytest.approx(log_loss(labels, oracle.predict_proba(features)), abs=4e-3)
    features, labels, logits = look(held_out)
    accuracy = float((logits.argmax(1).numpy() == labels).mean())
    assert accuracy == pytest.approx(oracle.score(features, labels), abs=1e-2)
    assert 0.6 < accuracy < 1


class Probe(torch.nn.Module):
    """A linear classifier of given features: a convex problem."""

    def __init__(self, inputs, classes):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(inputs, classes, bias=False)

    def forward(self, features, labels):
        logits = self.linear(features)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_lora_of_full_rank_on_a_convex_probe_reaches_full_fine_tuning(tmp_path):
    """Rank 3 of a 3 x 8 layer can be any matrix: both end at scikit-learn's minimum, and rank 1 does not."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    draw = np.random.default_rng(2)
    features = draw.normal(size=(120, 8)).astype(np.float32)
    labels = (features @ draw.normal(size=(8, 3)) + 2 * draw.normal(size=(120, 3))).argmax(1)
    oracle = LogisticRegression(C=np.inf, fit_intercept=False, max_iter=10_000, tol=1e-10).fit(features, labels)
    best = log_loss(labels, oracle.predict_proba(features))

    examples = [{"row": row} for row in range(120)]

    def collate(found):
        rows = [example["row"] for example in found]
        return {"features": torch.tensor(features[rows]), "labels": torch.tensor(labels[rows])}

    losses = {}
    for name, rank in (("full", None), ("rank 3", 3), ("rank 1", 1)):
        model = Probe(8, 3)
        if rank:
            method = lora(rank, 2 * rank, ["linear"])
            method.task_type = None
            model = add_adapter(model, method, "probe")
        arguments = {"learning_rate": 0.1, "per_device_train_batch_size": 120, "num_train_epochs": 300, "seed": 1}
        found = run_loop(model, examples, collate, tmp_path / name, arguments, label=name, save_steps=None)
        losses[name] = found.final_loss
    assert losses["full"] == pytest.approx(best, abs=1e-3)
    assert losses["rank 3"] == pytest.approx(losses["full"], abs=1e-3)
    assert losses["rank 1"] > best + 0.02


def test_every_method_and_no_other_seed_starts_from_the_same_head(tiny_encoder):
    def draw(seed, method):
        base = Base(read_base(str(tiny_encoder)), head=Head(("a", "b", "c")))
        found, *_ = start_classifier(base, method, seed=seed, start=None, new_head=False)
        assert found.fresh == ["classifier"]
        return next(v for k, v in found.model.state_dict().items() if "classifier" in k and k.endswith("weight"))

    one, same, other = draw(1, None), draw(1, lora(4, 8, "all-linear")), draw(2, None)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert 0.15 < float(one.std()) < 0.45  # the architecture's own initialisation (initializer_range 0.3)


def test_a_pooler_that_the_base_never_had_is_trained_and_saved(tiny_encoder, labelled_file, tmp_path, ended):
    base = tmp_path / "masked"
    config = BertConfig.from_pretrained(tiny_encoder)
    torch.manual_seed(1)
    BertForMaskedLM(config).save_pretrained(base)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(base)
    (folder,) = train(base, labelled_file, tmp_path / "runs")
    batch = read_batch(base, labelled_file)
    with torch.no_grad():
        answers = [load_plainly(base, folder)(**batch).logits for _ in range(2)]  # each draws another pooler first
    torch.testing.assert_close(answers[0], ended[0].eval()(**batch).logits, atol=2e-5, rtol=1e-4)
    assert torch.equal(*answers)
    assert any("pooler.dense" in name for name in load_file(folder / "adapter_model.safetensors"))


def test_gradient_checkpointing_trains_the_same_weights(tiny_encoder, labelled_file, tmp_path):
    (plain,) = train(tiny_encoder, labelled_file, tmp_path / "plain")
    (sparing,) = train(tiny_encoder, labelled_file, tmp_path / "sparing", gradient_checkpointing=True)
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (plain, sparing))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_trained_classifier_is_a_base_whose_head_goes_on(tiny_encoder, labelled_file, write_texts, tmp_path):
    (first,) = train(tiny_encoder, labelled_file, tmp_path / "first", "full")
    (second,) = train(first, labelled_file, tmp_path / "second", "head", lr=1e-9)
    kept = load_file(second / "adapter_model.safetensors")["base_model.model.classifier.weight"]
    torch.testing.assert_close(kept, load_file(first / "model.safetensors")["classifier.weight"], atol=1e-6, rtol=0)
    assert read_facts(second)["head"] == "the base's own"
    (drawn,) = train(first, labelled_file, tmp_path / "drawn", "head", lr=1e-9, trainer_options={"new_head": True})
    assert not torch.allclose(
        load_file(drawn / "adapter_model.safetensors")["base_model.model.classifier.weight"], kept
    )
