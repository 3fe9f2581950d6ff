"""lm-eval's text of a document is made once, its copy of samples where they hold pictures: what it writes is the same."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lorafair.harness.document import Documents, remember_documents, write_indented
from lorafair.task_document import Judged

evaluator = pytest.importorskip("lm_eval.evaluator")
sanitize_list = pytest.importorskip("lm_eval.utils").sanitize_list
handle_non_serializable = pytest.importorskip("lm_eval.utils").handle_non_serializable


def test_a_document_is_written_once_and_another_of_equal_content_by_itself():
    known, document = Documents(), {"text": "é", "groups": {"gender": ["a"]}}
    style = {"indent": 2, "ensure_ascii": False}
    with remember_documents(known):
        first = evaluator.json.dumps(document, **style)
        assert first == json.dumps(document, **style)
        assert evaluator.json.dumps(document, **style) is first
        assert evaluator.json.dumps(dict(document), **style) is not first
        assert evaluator.json.loads("[1]") == [1]
    assert evaluator.json is json


def nest(leaves, keys):
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner), max_leaves=12
    )


FINITE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(nest(FINITE, st.text()))
@settings(max_examples=200, deadline=None)
def test_indented_text_is_that_of_json(value):
    assert write_indented(value) == json.dumps(value, indent=2, ensure_ascii=False)


@given(nest(FINITE | st.floats() | st.just(Judged(a=1)), st.text() | st.integers() | st.none()))
@settings(max_examples=200, deadline=None)
def test_what_is_not_that_simple_is_left_to_json(value):
    assert write_indented(value) in (None, json.dumps(value, indent=2, ensure_ascii=False))


class Pair(NamedTuple):
    nats: float
    greedy: bool


LEAVES = st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False), st.text(max_size=4), st.binary(max_size=3))
LEAVES |= st.builds(Pair, st.just(-1.5), st.booleans()) | st.builds(lambda n: Image.new("RGB", (n, 1)), st.just(2))
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2).map(Judged)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)
SAMPLES = st.fixed_dictionaries(
    {"doc": VALUES, "target": VALUES, "arguments": st.just([("a", {"until": ["b"]})])}
    | {key: st.lists(VALUES, max_size=2) for key in ("resps", "filtered_resps")}
)


@given(st.lists(SAMPLES, max_size=3))
@settings(max_examples=150, deadline=None)
def test_the_samples_are_written_as_lm_eval_writes_its_copy_of_them(samples):
    theirs = evaluator.hash_dict_images({"task": samples})
    with remember_documents(Documents()):
        ours = evaluator.hash_dict_images({"task": samples})
    assert [write(one) for one in ours["task"]] == [write(one) for one in theirs["task"]]


def write(sample):
    """A sample's line as lm-eval's EvaluationTracker makes it."""
    texts = {"target": str(sample["target"])}
    texts |= {key: sanitize_list(sample[key]) for key in ("resps", "filtered_resps")}
    return json.dumps(sample | texts, default=handle_non_serializable, ensure_ascii=False)


def test_lm_eval_gets_its_json_back_after_an_error():
    with pytest.raises(ZeroDivisionError), remember_documents(Documents()):  # noqa: PT012
        assert evaluator.json is not json
        raise ZeroDivisionError
    assert evaluator.json is json
