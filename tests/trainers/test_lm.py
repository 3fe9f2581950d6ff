"""Plain language modelling: what is packed, and the loss of a block."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorafair.base import Base
from lorafair.checkpoint import read_base
from lorafair.data.corpus import Corpus, load_corpus
from lorafair.errors import LorafairError
from lorafair.plan import Plan
from lorafair.training import train_runs


class Letters:
    """A tokenizer of one token per letter, with BOS 1 and end 0."""

    eos_token_id = 0

    def __call__(self, texts):
        return {"input_ids": [[1, *(ord(letter) for letter in text)] for text in texts]}


def make(texts):
    return Corpus("c", [{"id": str(n), "text": text} for n, text in enumerate(texts)], {})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=8), st.integers(2, 7))
def test_packed_blocks_put_together_are_the_texts(texts, length):
    blocks = make(texts).pack(Letters(), length)
    stream = [token for text in texts for token in (1, *map(ord, text), 0)]
    packed = [token for block in blocks.examples for token in block["input_ids"]]
    assert packed == stream[: len(stream) - blocks.dropped]
    assert blocks.dropped <= 1
    assert all(len(block["input_ids"]) == length for block in blocks.examples[:-1])
    assert 2 <= len(blocks.examples[-1]["input_ids"]) <= length
    assert all(block["labels"] == block["input_ids"] for block in blocks.examples)
    apart = make(texts).pack(Letters(), length, packing=False)
    assert [e["input_ids"] for e in apart.examples] == [[1, *map(ord, text), 0][:length] for text in texts]
    assert apart.truncated == sum(len(text) + 2 > length for text in texts)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("packing", [True, False])
def test_a_step_has_the_loss_that_transformers_gives(tiny_base, tmp_path, packing):
    texts = ["the woman works as a nurse", "the man", "a baker and a pilot work in the town"]
    data = write(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    asked = {"settings": {"batch_size": 9, "max_length": 20}, "trainer_options": {} if packing else {"packing": False}}
    asked |= {"methods": ("lora",), "ranks": (2,), "trainer": "lm", "out": tmp_path / "runs"}
    (folder,) = train_runs(Plan(base=str(tiny_base), data=str(data), **asked), say=lambda _: None)
    base = Base(read_base(str(tiny_base)))
    model, losses = base.fresh().eval(), []
    ids = [[*base.tokenizer(text)["input_ids"], 0] for text in texts]
    stream = sum(ids, [])
    blocks = [stream[at : at + 20] for at in range(0, len(stream), 20)] if packing else [row[:20] for row in ids]
    for block in blocks:
        row = torch.tensor([block])
        with torch.no_grad():
            losses += [float(model(row, labels=row).loss)] * (len(block) - 1)
    facts = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]
    assert facts["final_loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert (facts["steps"], facts["blocks"]) == (1, len(blocks))
    assert facts["truncated"] == (0 if packing else sum(len(row) > 20 for row in ids))


def test_texts_of_any_kind_are_read(tmp_path):
    data = write(tmp_path / "d.jsonl", [{"text": "a", "label": 3}, {"prompt": "b", "completion": " c"}])
    assert [row["text"] for row in load_corpus(str(data)).rows] == ["a", "b c"]
    assert len(load_corpus("hatecheck_sample").rows) == 64
    with pytest.raises(LorafairError, match=r"(?s)line 1: text is empty.*line 2: no column completion"):
        load_corpus(str(write(tmp_path / "e.jsonl", [{"text": " "}, {"prompt": "b"}])))
    with pytest.raises(LorafairError, match="hurtlex_en.* no texts"):
        load_corpus("hurtlex_en")
