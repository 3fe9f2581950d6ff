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
