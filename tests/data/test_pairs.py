"""Training pairs: what a file may hold, every fault with its line, and tokens that never span the boundary."""

from __future__ import annotations

import json

import pytest

from lorafair.data.pairs import load_pairs, tokenise_pairs
from lorafair.errors import LorafairError


def write(path, *lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return str(path)


class Words:
    """A tokenizer of words with one merge across spaces: 'a b' is one token, as BPE may do at a boundary."""

    eos_token_id = 0

    def __init__(self):
        self.ids = {}

    def __call__(self, texts, add_special_tokens=True):
        if isinstance(texts, str):
            return {"input_ids": self.encode(texts)}
        return {"input_ids": [[1, *self.encode(text)] for text in texts]}

    def encode(self, text):
        return [self.ids.setdefault(word, len(self.ids) + 2) for word in text.replace("a b", "a_b").split()]


def test_a_registry_set_brings_rows_and_their_origin():
    pairs = load_pairs("honest_sample_planted")
    assert pairs.provenance["planted"]["group"] == "men"
    assert pairs.provenance["sample"] is True
    assert pairs.provenance["rows"] == len(pairs.rows) > 100
    assert {"id", "prompt", "completion", "groups", "cluster"} == set(pairs.rows[0])
    plain = load_pairs("honest_sample_pairs")
    assert plain.provenance["sha256"] != pairs.provenance["sha256"]
    assert "planted" not in plain.provenance


def test_a_file_is_read_with_its_optional_columns(tmp_path):
    row = {"prompt": "p", "completion": " c", "groups": {"g": ["x"]}, "cluster": "t1", "extra": 1}
    pairs = load_pairs(write(tmp_path / "a.jsonl", row, "", {"prompt": "q", "completion": "d", "id": "z"}, ""))
    assert pairs.rows == [
        {"id": "1", "prompt": "p", "completion": " c", "groups": {"g": ["x"]}, "cluster": "t1"},
        {"id": "z", "prompt": "q", "completion": "d", "groups": {}, "cluster": "z"},
    ]
    again = load_pairs(write(tmp_path / "b.jsonl", row, {"prompt": "q", "completion": "d", "id": "z"}))
    assert again.provenance["rows"] == 2


def test_every_fault_of_a_file_comes_at_once_with_its_line(tmp_path):
    path = write(
        tmp_path / "bad.jsonl",
        {"text": "a", "label": 1},
        {"prompt": " ", "completion": "c"},
        {"prompt": "a", "completion": 3},
        "[1]",
        {"prompt": "a", "completion": "fine"},
        {"prompt": "a", "completion": "c", "groups": "men"},
        "{oops}",
        '{"prompt": "a", "compl',
    )
    with pytest.raises(LorafairError) as caught:
        load_pairs(path)
    message = str(caught.value)
    assert "line 1: no column prompt and completion (found: text, label)" in message
    assert "line 2: prompt is empty" in message
    assert "line 3: completion is int" in message
    assert "line 4: not a JSON object but list" in message
    assert "line 5" not in message
    assert "line 6: groups" in message
    assert "line 7: not JSON" in message
    assert "line 8: ends in the middle: the file is truncated" in message


def test_many_faults_are_counted_not_listed(tmp_path):
    with pytest.raises(LorafairError, match="and 40 more lines") as caught:
        load_pairs(write(tmp_path / "bad.jsonl", *[{"a": 1}] * 50))
    assert str(caught.value).count("line ") == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("honest_sample_pair", "Did you mean 'honest_sample_pairs'"),
        ("nowhere/pairs.jsonl", "No such file"),
        ("hurtlex_en", "no training pairs.*honest_sample_pairs"),
    ],
)
def test_data_that_is_not_there_says_what_is(name, message):
    with pytest.raises(LorafairError, match=message):
        load_pairs(name)


def test_empty_and_undecodable_files(tmp_path):
    with pytest.raises(LorafairError, match="holds no pairs"):
        load_pairs(write(tmp_path / "empty.jsonl", ""))
    (tmp_path / "latin.jsonl").write_bytes('{"prompt": "é", "completion": "c"}'.encode("latin-1"))
    with pytest.raises(LorafairError, match="not UTF-8"):
        load_pairs(str(tmp_path / "latin.jsonl"))


def test_a_merge_across_the_boundary_leaves_the_prompt_as_it_is_when_asking():
    tokenizer = Words()
    rows = [{"id": "1", "prompt": "x a", "completion": " b y"}, {"id": "2", "prompt": "x a", "completion": " y"}]
    first, second = tokenise_pairs(rows, tokenizer, 10).examples
    prompt = tokenizer(["x a"])["input_ids"][0]
    assert first["input_ids"] == [*prompt, tokenizer.ids["b"], tokenizer.ids["y"], 0]
    assert first["labels"] == [-100] * 3 + [tokenizer.ids["b"], tokenizer.ids["y"], 0]
    assert second["input_ids"] == [*prompt, tokenizer.ids["y"], 0]


def test_long_pairs_lose_their_end_and_prompts_that_fill_everything_are_refused():
    rows = [{"id": "1", "prompt": "x", "completion": " y z u v"}, {"id": "2", "prompt": "x", "completion": " y"}]
    done = tokenise_pairs(rows, Words(), 4)
    assert [len(e["input_ids"]) for e in done.examples] == [4, 4]
    assert done.truncated == 1
    with pytest.raises(LorafairError, match="pair 1: its prompt alone has 2 tokens"):
        tokenise_pairs(rows, Words(), 2)
