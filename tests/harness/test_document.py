"""lm-eval's text of a document is made once, and is the same text."""

from __future__ import annotations

import json

import pytest

from lorafair.harness.document import remember_documents

evaluator = pytest.importorskip("lm_eval.evaluator")


def test_a_document_is_written_once_and_another_of_equal_content_by_itself():
    known, document = {}, {"text": "é", "groups": {"gender": ["a"]}}
    settings = {"indent": 2, "ensure_ascii": False}
    with remember_documents(known):
        first = evaluator.json.dumps(document, **settings)
        assert first == json.dumps(document, **settings)
        assert evaluator.json.dumps(document, **settings) is first
        assert evaluator.json.dumps(dict(document), **settings) is not first
        assert evaluator.json.loads("[1]") == [1]
    assert evaluator.json is json


def test_lm_eval_gets_its_json_back_after_an_error():
    with pytest.raises(ZeroDivisionError), remember_documents({}):  # noqa: PT012
        assert evaluator.json is not json
        raise ZeroDivisionError
    assert evaluator.json is json
