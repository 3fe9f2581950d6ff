"""The scorer `detoxify` on a tiny random checkpoint of the releases' format; the real weights are not run here."""

from __future__ import annotations

import pickle
import random
import shutil

import pytest
from lorafair.plugins.scorers import detoxify as module
from lorafair.plugins.scorers.detoxify import detoxify

from lorafair.errors import LorafairError

CLASSES = ["toxic", "severe_toxic", "insult"]
WORDS = ["the", "nurse", "is", "a", "liar", "reads", "book", "##s", "."]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A checkpoint file and the folder with its config and tokenizer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("detoxify")
    (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]), encoding="utf-8"
    )
    config = BertConfig(
        vocab_size=14,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
        num_labels=3,
    )
    config.save_pretrained(folder)
    draw = torch.Generator().manual_seed(0)
    state = BertForSequenceClassification(config).state_dict()
    state = {
        key: torch.randn(value.shape, generator=draw) if value.ndim == 2 else value for key, value in state.items()
    }
    state["bert.embeddings.position_ids"] = torch.arange(24)[None]  # in the releases, gone from today's models
    arch = {
        "model_type": "bert-base-uncased",
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": 3,
    }
    checkpoint = {"config": {"arch": {"args": arch}, "dataset": {"args": {"classes": CLASSES}}}, "state_dict": state}
    torch.save(checkpoint, folder / "tiny.ckpt")
    return folder / "tiny.ckpt", folder


def ask(tiny, texts, **settings):
    checkpoint, config = tiny
    return detoxify(texts, checkpoint=str(checkpoint), huggingface_config_path=str(config), **settings)


def test_scores_equal_the_model_asked_one_text_at_a_time_in_input_order(tiny):
    import torch

    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(1, 40))) for _ in range(50)]
    together = ask(tiny, texts, batch=7)
    classifier, tokenizer, labels, longest = module._load("original", str(tiny[0]), str(tiny[1]), "cpu")
    assert labels == ["toxicity", "severe_toxicity", "insult"]
    assert longest == 24
    for text, score in zip(texts, together, strict=True):
        with torch.inference_mode():
            logits = classifier(**tokenizer(text, return_tensors="pt", truncation=True, max_length=longest))[0]
        assert score == pytest.approx(torch.sigmoid(logits)[0, 0].item(), abs=1e-5)
    assert len({round(score, 4) for score in together}) > 10
    assert ask(tiny, texts, label="insult") != pytest.approx(together)


def test_forward_passes_are_bounded_and_sorted_by_length(tiny, monkeypatch):
    classifier, tokenizer, labels, longest = module._load("original", str(tiny[0]), str(tiny[1]), "cpu")
    shapes = []
    handle = classifier.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    ask(tiny, ["nurse " * n for n in (20, 1, 9, 2, 15)], batch=2)
    handle.remove()
    assert [rows for rows, _ in shapes] == [2, 2, 1]
    assert [length for _, length in shapes] == sorted(length for _, length in shapes)


def test_environment_names_checkpoint_and_config(tiny, monkeypatch):
    expected = ask(tiny, ["the nurse reads"])
    monkeypatch.setenv("LORAFAIR_DETOXIFY_CHECKPOINT", str(tiny[0]))
    monkeypatch.setenv("LORAFAIR_DETOXIFY_CONFIG", str(tiny[1]))
    assert detoxify(["the nurse reads"]) == expected
    assert detoxify([]) == []
    assert set(module.identify()) == {"checkpoint_sha256"}


def test_what_is_missing_is_named_with_where_to_put_it(tiny, tmp_path):
    with pytest.raises(LorafairError, match=r"no Detoxify checkpoint.*LORAFAIR_DETOXIFY_CHECKPOINT"):
        detoxify(["a"], checkpoint=str(tmp_path / "gone.ckpt"))
    with pytest.raises(LorafairError, match="no config.json.*LORAFAIR_DETOXIFY_CONFIG"):
        detoxify(["a"], checkpoint=str(tiny[0]), huggingface_config_path=str(tmp_path))
    shutil.copy(tiny[1] / "config.json", tmp_path)
    with pytest.raises(LorafairError, match="tokenizer in .* knows 5 tokens, the model 14"):
        detoxify(["a"], checkpoint=str(tiny[0]), huggingface_config_path=str(tmp_path))
    with pytest.raises(LorafairError, match="Did you mean 'insult'"):
        ask(tiny, ["a"], label="insults")
    with pytest.raises(LorafairError, match="no Detoxify model 'orginal'.*Did you mean"):
        detoxify(["a"], model="orginal")


class Payload:
    def __reduce__(self):
        return (print, ("code of a stranger ran",))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, capsys):
    import torch

    torch.save({"config": Payload(), "state_dict": {}}, tmp_path / "bad.ckpt")
    (tmp_path / "bare.ckpt").write_bytes(pickle.dumps(Payload()))
    for name in ("bad.ckpt", "bare.ckpt"):
        with pytest.raises(LorafairError, match="refused"):
            detoxify(["a"], checkpoint=str(tmp_path / name))
    assert "stranger" not in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["family", "weights", "keys", "rubbish"])
def test_a_checkpoint_that_does_not_fit_is_named(tiny, tmp_path, fault):
    import torch

    stored = torch.load(tiny[0], weights_only=True)
    if fault == "family":
        stored["config"]["arch"]["args"]["model_name"] = "Trainer"
    elif fault == "weights":
        del stored["state_dict"]["classifier.weight"]
    elif fault == "keys":
        del stored["config"]["dataset"]
    torch.save(stored, tmp_path / "odd.ckpt")
    if fault == "rubbish":
        (tmp_path / "odd.ckpt").write_bytes(b"not a checkpoint")
    words = {
        "family": "names Trainer",
        "weights": "classifier.weight",
        "keys": "lacks its config",
        "rubbish": "odd.ckpt",
    }
    with pytest.raises(LorafairError, match=words[fault]):
        detoxify(["a"], checkpoint=str(tmp_path / "odd.ckpt"), huggingface_config_path=str(tiny[1]))


def test_scores_equal_the_detoxify_package(tiny, tmp_path):
    import torch

    package = pytest.importorskip("detoxify")
    stored = torch.load(tiny[0], weights_only=True)
    stored["config"]["arch"]["args"]["model_type"] = str(tiny[1])  # the package would ask the Hub for the config
    del stored["state_dict"]["bert.embeddings.position_ids"]
    torch.save(stored, tmp_path / "local.ckpt")
    theirs = package.Detoxify(checkpoint=str(tmp_path / "local.ckpt"), huggingface_config_path=str(tiny[1]))
    texts = ["the nurse is a liar .", "books", "is is is", "a book reads the nurse s ."]
    assert ask(tiny, texts) == pytest.approx(theirs.predict(texts)["toxicity"], abs=1e-5)
