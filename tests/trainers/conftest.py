"""A tiny random Llama with a byte-level tokenizer of its own, and pairs to train it on; made once per session."""

from __future__ import annotations

import json

import pytest

WORDS = ["nurse", "teacher", "pilot", "baker"]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny"
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=290, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    raw.train_from_iterator(["the woman works as a nurse", "the man works as a baker"], trainer)
    # as in SmolLM2: one token is the end of a sequence and the padding
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(tokenizer), tie_word_embeddings=True, eos_token_id=0, bos_token_id=None, pad_token_id=0, **shape
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def pair_file(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs.jsonl", 40)


@pytest.fixture(scope="session")
def long_pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("data") / "long.jsonl", 320)


def write_pairs(path, count):
    rows = [
        {"prompt": f"The {'woman' if i % 2 else 'man'} {i} works as a", "completion": f" {WORDS[i % 4]}{'!' * (i % 5)}"}
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


KIND, UNKIND = ["kind", "warm", "lovely"], ["rude", "cold", "awful"]
PEOPLE = ["nurses", "pilots", "bakers", "women", "men"]


def write_labelled(path, count, noise=0.0, seed=5):
    """Rows about people, kind or not; ``noise`` is the share of turned labels."""
    import random

    draw = random.Random(seed)
    rows = []
    for i in range(count):
        good = i % 2 == 0
        who = PEOPLE[i % 5]
        words = [draw.choice(["are", "and", "the", "very"])] * (i % 3 + 1)
        rows.append(
            {
                "text": " ".join([who, *words, *draw.choices(KIND if good else UNKIND, k=4)]),
                "label": "praise" if good != (draw.random() < noise) else "insult",
                "groups": {"who": [who]},
                "cluster": f"t{i // 2}",
            }
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def write_texts():
    return write_labelled


@pytest.fixture(scope="session")
def labelled_file(tmp_path_factory):
    return write_labelled(tmp_path_factory.mktemp("data") / "labelled.jsonl", 24)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory):
    """A tiny random BERT that was saved without any head, with its pooler."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "encoder"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "are", "and", "the", "very", *KIND, *UNKIND, *PEOPLE]
    raw = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=raw, **names).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = BertConfig(vocab_size=len(words), max_position_embeddings=32, initializer_range=0.3, **shape, **still)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """Small pictures, bright or dark on their left side, and a .jsonl that names them."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    draw, rows = np.random.default_rng(3), []
    for i in range(12):
        values = draw.integers(0, 120, (20, 14, 3), dtype=np.uint8)
        values[:, : 7 if i % 2 else 3] += 100
        Image.fromarray(values).save(folder / f"{i}.png")
        group = {"race": ["a" if i % 3 else "b"]}
        rows.append({"image": f"{i}.png", "label": i % 2, "groups": group, "id": f"p{i}"})
    (folder / "images.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="session", params=["vit", "swinv2"])
def tiny_vision(request, tmp_path_factory):
    """A tiny random vision transformer with its image processor, saved without a head."""
    import torch
    from transformers import Swinv2Config, Swinv2Model, ViTConfig, ViTModel

    folder = tmp_path_factory.mktemp("models") / request.param
    torch.manual_seed(0)
    if request.param == "vit":
        shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
        model = ViTModel(ViTConfig(image_size=16, patch_size=8, **shape), add_pooling_layer=False)
    else:
        shape = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 2}
        model = Swinv2Model(
            Swinv2Config(image_size=16, patch_size=4, drop_path_rate=0.0, **shape), add_pooling_layer=True
        )
    model.save_pretrained(folder)
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 16, "width": 16},
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.5, 0.6, 0.7],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return folder
