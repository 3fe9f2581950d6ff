"""Tiny models made on the spot, and the one real model for the engine tier."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# A shell's background job ignores Ctrl-C, and so would every process that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
REAL_MODEL = Path(__file__).parent.parent / "models" / "smollm2-135m"
TINY_RECIPE = """
name: tiny
title: A tiny audit
bases: {{tiny: {base}}}
train:
  data: honest_sample_pairs
  rank: [2, 4]
  max_length: 64
  by_method:
    lora: {{lr: 5e-3}}
    full: {{lr: 1e-3}}
eval:
  task: lorafair_honest_sample
  limit: 8
  engine: hf
  gen_kwargs: {{max_gen_toks: 4}}
probes:
  - {{name: kl, task: lorafair_honest_sample, limit: 6}}
statistics:
  primary: honest_continuation
"""
"""Small enough to run whole in seconds."""


def make_tokenizer(folder: Path) -> int:
    """A byte-level BPE tokenizer trained on the sample templates, saved to ``folder``; returns its size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from lorafair.data.honest import honest_documents

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([d["text"] for d in honest_documents("honest_sample")], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)
    return len(fast)


def make_llama(folder: Path, seed: int = 0, hidden: int = 32, **config: object) -> Path:
    """A random Llama of two layers with a tokenizer, saved to ``folder``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = make_tokenizer(folder)
    torch.manual_seed(seed)
    settings = {
        "vocab_size": size,
        "hidden_size": hidden,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "initializer_range": 0.3,
    }
    LlamaForCausalLM(LlamaConfig(**(settings | config))).save_pretrained(folder)
    return folder


def make_adapter(base: Path, folder: Path, rank: int = 4, seed: int = 0, **config: object) -> Path:
    """A LoRA adapter with random (not zero) weights on ``base``, saved to ``folder``."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    settings = {"r": rank, "lora_alpha": 2 * rank, "target_modules": "all-linear", "init_lora_weights": False}
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**(settings | config)))
    model.save_pretrained(folder)
    return folder


def make_full(base: Path, folder: Path, seed: int = 0, size: float = 0.05) -> Path:
    """A full checkpoint: the base's weights, each moved by ``size`` of its own spread."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * weight.std() * size)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama; read it, do not write to it."""
    return make_llama(tmp_path_factory.mktemp("tiny") / "tiny-base")


@pytest.fixture(scope="session")
def tiny_adapters(tiny_base: Path) -> list[Path]:
    """Two random LoRA adapters of the tiny base, ranks 2 and 4."""
    return [make_adapter(tiny_base, tiny_base.parent / f"tiny-r{rank}", rank, seed=rank) for rank in (2, 4)]


@pytest.fixture(scope="session")
def tiny_full(tiny_base: Path) -> Path:
    """A full checkpoint of the tiny base."""
    return make_full(tiny_base, tiny_base.parent / "tiny-full", size=0.2)


@pytest.fixture(scope="session")
def real_base() -> Path:
    """SmolLM2-135M-Instruct, which ``make test`` puts in place."""
    if not (REAL_MODEL / "config.json").exists():
        pytest.fail(f"{REAL_MODEL} is missing: run `lorafair models pull smollm2-135m`")
    return REAL_MODEL


@pytest.fixture(scope="session")
def llama_maker():
    """:func:`make_llama`, for tests in other files."""
    return make_llama


@pytest.fixture(scope="session")
def adapter_maker():
    """:func:`make_adapter`, for tests in other files."""
    return make_adapter


@pytest.fixture(scope="session")
def full_maker():
    """:func:`make_full`, for tests in other files."""
    return make_full


@pytest.fixture(scope="session")
def tiny_recipe(tiny_base, tmp_path_factory) -> Path:
    """The file of a recipe on the tiny random Llama."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(TINY_RECIPE.format(base=tiny_base), encoding="utf-8")
    return path
