"""The head engine against plain transformers and PEFT, on tiny random classifiers."""

from __future__ import annotations

import hashlib
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import CheckpointRefused, EngineSettings
from lorafair.engines.head import HeadEngine, answer_labels, cut_blocks
from lorafair.engines.head_input import load_tokenizer
from lorafair.errors import LorafairError
from lorafair.label_match import find_mismatch, name_outputs, read_label_map
from lorafair.responses.request import Request
from lorafair.serving.head_prompt import list_contents

TWO, THREE = ["no", "yes"], ["zebra", "yes", "ape"]


def request(label, content, name):
    return Request(
        hashlib.sha256(f"{label}{content}{name}".encode()).hexdigest(), label, "loglikelihood", (content, name)
    )


def ask(engine, label, contents, names):
    """Log-probabilities (contents, names) of the engine."""
    asked = [[request(label, content, name) for name in names] for content in contents]
    shuffled = [one for row in asked for one in row]
    random.Random(7).shuffle(shuffled)
    found = {each.key: answer for each, answer in engine.ask(shuffled)}
    for row in asked:
        answers = [found[each.key] for each in row]
        assert [greedy for _, greedy in answers] == [nats == max(n for n, _ in answers) for nats, _ in answers]
    return [[found[each.key][0] for each in row] for row in asked]


@pytest.mark.parametrize("kind", ["bert", "mask", "llama", "vit"])
def test_every_checkpoint_equals_a_plain_load_whatever_was_served_before(classifiers, tmp_path, kind):
    base = classifiers.make_base(kind)
    saved = {"modules_to_save": ["bert.pooler"]} if kind == "mask" else {}
    made = {
        "two": (classifiers.make(base, tmp_path / "two", TWO, seed=1, **saved), TWO),
        "three": (classifiers.make(base, tmp_path / "three", THREE, seed=2, **saved), THREE),
        "alone": (classifiers.make(base, tmp_path / "alone", TWO, "head", seed=3, **saved), TWO),
        "full": (classifiers.make(base, tmp_path / "full", THREE, "full", seed=4), THREE),
    }
    found = read_base(str(base))
    checkpoints = read_checkpoints([str(folder) for folder, _ in made.values()], found)
    assert found.head is None
    assert {c.label: c.head and list(c.head.labels) for c in checkpoints} == {
        k: names for k, (_, names) in made.items()
    }
    contents = list_contents("image") if kind == "vit" else [*classifiers.TEXTS, "a b c " * 40]
    engine = HeadEngine(found, checkpoints, EngineSettings(dtype="float32", batch_size=3))
    first = {}
    for label in ["two", "alone", "three", "full", "two", "three", "alone", "full"]:
        folder, names = made[label]
        answers = ask(engine, label, contents, names)
        for row, expected in zip(answers, classifiers.ask(base, folder, contents, len(names)), strict=True):
            assert row == pytest.approx(expected, abs=1e-5, rel=5e-6)  # single precision: larger ones round more
            assert math.fsum(map(math.exp, row)) == pytest.approx(1, abs=1e-9)
        assert first.setdefault(label, answers) == answers
    assert engine.remarks == (
        [] if kind in ("vit", "llama") else ["1 of 5 texts are longer than 48 tokens and lost their end."]
    )
    with pytest.raises(CheckpointRefused, match="no label 'ape'"):
        ask(engine, "two", contents, ["ape"])


def test_a_padding_token_is_not_handed_on_to_the_next_checkpoint(classifiers, tmp_path):
    base = classifiers.make_base("llama")
    classifiers.make(base, tmp_path / "first", TWO, seed=1)
    folder = classifiers.make(base, tmp_path / "stranger", TWO, seed=2, told=False)
    pad = load_tokenizer(base)("b a")["input_ids"][-1]  # texts that end in it lose their end where it counts as padding
    (tmp_path / "first" / "head.json").write_text(f'{{"labels": ["no", "yes"], "kind": "text", "pad_token_id": {pad}}}')
    found = read_base(str(base))
    checkpoints = read_checkpoints([str(tmp_path / "first"), str(folder)], found)
    names, texts = ["LABEL_0", "LABEL_1"], ["b c a", "c b c b a"]
    alone, after = (HeadEngine(found, checkpoints, EngineSettings(dtype="float32")) for _ in range(2))
    ask(after, "first", texts, TWO)
    assert ask(after, "stranger", texts, names) == ask(alone, "stranger", texts, names)


def test_weights_that_nobody_saved_are_refused_instead_of_being_drawn(classifiers, tmp_path):
    base = classifiers.make_base("mask")
    folder = classifiers.make(base, tmp_path / "one", TWO)
    checkpoints = read_checkpoints([str(folder)], read_base(str(base)))
    engine = HeadEngine(read_base(str(base)), checkpoints, EngineSettings(dtype="float32"))
    with pytest.raises(CheckpointRefused, match=r"bert\.pooler\.dense\.bias.*drawn at random"):
        ask(engine, "one", ["a"], TWO)


def test_labels_without_names_are_named_as_transformers_does_and_mapped(classifiers, tmp_path):
    base = classifiers.make_base("bert")
    folder = classifiers.make(base, tmp_path / "stranger", THREE, told=False)
    (found,) = read_checkpoints([str(folder)], read_base(str(base)))
    assert found.head is not None
    assert found.head.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    named = {"LABEL_0": "hateful", "label 1": "Not-Hateful", "LABEL_2": "hateful"}
    engine = HeadEngine(read_base(str(base)), [found], EngineSettings(dtype="float32", label_map=named))
    (row,) = ask(engine, "stranger", ["a"], ["not hateful", "hateful"])
    (plain,) = classifiers.ask(base, folder, ["a"], 3)
    assert [math.exp(nats) for nats in row] == pytest.approx(
        [math.exp(plain[1]), math.exp(plain[0]) + math.exp(plain[2])], rel=1e-5
    )


def test_a_regression_and_a_head_that_is_not_there_are_refused(classifiers, tmp_path):
    base = classifiers.make_base("bert")
    full = classifiers.make(base, tmp_path / "full", TWO, "full")
    text = (full / "config.json").read_text()
    (full / "config.json").write_text(
        text.replace('"model_type"', '"problem_type": "multi_label_classification", "model_type"')
    )
    adapter = classifiers.make(base, tmp_path / "adapter", TWO)
    (adapter / "head.json").write_text('{"labels": ["a", "b", "c"], "kind": "text"}')
    with pytest.raises(LorafairError) as error:
        read_checkpoints([str(full), str(adapter)], read_base(str(base)))
    assert "multi_label_classification" in str(error.value)
    assert "3 labels and the head has 2 outputs" in str(error.value)


labels = st.lists(st.text("a1_- A", min_size=1, max_size=4).filter(str.strip), min_size=2, max_size=5, unique=True)


@settings(max_examples=60, deadline=None)
@given(labels, st.data())
def test_outputs_are_shared_out_whole_and_probabilities_add_up(names, data):
    mapping = data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(["x", "y", *names])))
    outputs = name_outputs(names, mapping)
    assert sorted(number for numbers in outputs.values() for number in numbers) == list(range(len(names)))
    odds = data.draw(st.lists(st.floats(0.01, 1), min_size=len(names), max_size=len(names)))
    nats = [math.log(one / math.fsum(odds)) for one in odds]
    found = [nats for _, (nats, _) in answer_labels("c", [request("c", "t", n) for n in outputs], nats, outputs)]
    assert math.fsum(map(math.exp, found)) == pytest.approx(1)
    assert find_mismatch(outputs, names, mapping) is None
    assert find_mismatch([*outputs, "zzz"], names, mapping) is not None
    assert find_mismatch(list(outputs)[1:], names, mapping) is not None


def test_names_that_differ_in_a_sign_stay_apart():
    assert name_outputs(["-1", "1", "+"], {}) == {"-1": (0,), "1": (1,), "+": (2,)}
    assert name_outputs(["Not-Hateful", "HATEFUL"], {}) == {"not hateful": (0,), "hateful": (1,)}
    assert name_outputs(["a b", "a-b"], {}) == {"a b": (0,), "a-b": (1,)}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text("ab", max_size=5), st.sampled_from(TWO)), max_size=40), st.integers(1, 7))
def test_blocks_hold_every_request_once_and_keep_a_text_together(asked, size):
    requests = [Request(str(i), "c", "loglikelihood", pair) for i, pair in enumerate(asked)]
    blocks = cut_blocks(requests, size)
    assert sorted(r.key for block in blocks for r in block) == sorted(r.key for r in requests)
    where = {}
    for number, block in enumerate(blocks):
        assert len({r.arguments[0] for r in block}) <= size
        for one in block:
            assert where.setdefault(one.arguments[0], number) == number


def test_label_maps_of_the_command_line_are_checked_whole():
    assert read_label_map(["LABEL_1=hateful", "a = b"]) == {"LABEL_1": "hateful", "a": "b"}
    with pytest.raises(LorafairError, match=r"(?s)'x' is not of the form.*'a' is both 'b' and 'c'"):
        read_label_map(["x", "a=b", "a=c"])
