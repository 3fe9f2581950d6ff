"""Confidence and accuracy by bins, held to sklearn's calibration curve, and to lm-eval's own way of writing."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from lorafair.answer import read_answers
from lorafair.report.confidence import collect_curves, read_confidences
from lorafair.samples import read_audit
from lorafair.statistics.reliability import draw_curve


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_bins_are_sklearns(pairs: list[tuple[float, bool]]) -> None:
    confidence = np.array([p for p, _ in pairs])
    right = np.array([float(hit) for _, hit in pairs])
    if np.any(np.abs(confidence * 10 - np.round(confidence * 10)) < 1e-9):
        confidence = confidence * 0.999 + 0.0005001  # on an edge sklearn closes bins below
    if np.any(np.abs(confidence * 10 - np.round(confidence * 10)) < 1e-9):
        return
    bins = draw_curve(confidence, right, np.arange(len(pairs)), np.ones(len(pairs), dtype=bool))
    accuracy, mean = (
        calibration_curve(right, confidence, n_bins=10, pos_label=1.0) if set(right) == {0.0, 1.0} else (None, None)
    )
    if accuracy is not None:
        np.testing.assert_allclose([one.accuracy for one in bins], accuracy, atol=1e-12)
        np.testing.assert_allclose([one.confidence for one in bins], mean, atol=1e-12)
    assert sum(one.n for one in bins) == len(pairs)
    assert all(one.low <= one.accuracy <= one.high for one in bins)


def test_answers_without_likelihoods_have_no_confidence() -> None:
    samples = [{"answer": "yes", "target": "no", "doc": {"label": "no"}} for _ in range(3)]
    answers = read_answers(samples, {}, "task", "place", [])
    assert answers is not None
    assert np.isnan(read_confidences(answers)).tolist() == [True] * 3


def test_confidence_is_a_softmax_over_options_of_one_context() -> None:
    one = {
        "doc_id": 0,
        "arguments": [["q", " a"], ["q", " b"], ["q", " c"]],
        "filtered_resps": [["-1.0", "False"], ["-2.0", "True"], [-3.0, False]],
    }
    samples = [
        one,
        one | {"doc_id": 1, "arguments": [["q", " a"], ["p", " b"], ["r", " c"]]},
        one | {"doc_id": 2, "filtered_resps": [["nan", "False"]] * 3},
        one | {"doc_id": 3, "filtered_resps": ["text"] * 3},
        one | {"doc_id": 4, "filtered_resps": [["-inf", "False"], ["-1.0", "False"], ["-1.0", "False"]]},
        {"doc_id": 5},
    ]
    answers = read_answers(samples, {}, "t", "s.jsonl", [])
    assert answers is not None
    found = read_confidences(answers)
    assert found[0] == pytest.approx(math.exp(-1) / sum(math.exp(-k) for k in (1, 2, 3)))
    assert np.isnan(found[1:]).all()


def test_confidence_is_a_softmax_over_options(audit: Path) -> None:
    found = read_audit([audit])
    one = next(each for each in found.samples if each.task == "bbq_like" and each.model == "base")
    wanted = {}
    for line in one.path.read_text(encoding="utf-8").splitlines():
        sample = json.loads(line)
        likely = [math.exp(float(answer[0])) for answer in sample["filtered_resps"]]
        wanted[sample["doc_id"]] = (max(likely) / sum(likely), sample["acc"])
    points = collect_curves(found)["bbq_like"]["base", None, ""]
    for k, point in enumerate(points):
        low = 0.1 * math.ceil(point.confidence * 10 - 1e-9) - 0.1
        inside = [(p, acc) for p, acc in wanted.values() if low < p <= low + 0.1 + 1e-12]
        assert len(inside) == point.n, k
        assert point.confidence == pytest.approx(np.mean([p for p, _ in inside]))
        assert point.accuracy == pytest.approx(np.mean([acc for _, acc in inside]))


def test_curves_of_models_and_groups(audit: Path) -> None:
    found = read_audit([audit])
    curves = collect_curves(found)
    assert set(curves) == {"bbq_like"}
    assert {model for model, _, _ in curves["bbq_like"]} == {model.label for model in found.models}
    whole = curves["bbq_like"]["base", None, ""]
    assert sum(one.n for one in whole) == 320
    samples = next(one for one in found.samples if one.task == "bbq_like" and one.model == "base")
    assert sum(one.n * one.accuracy for one in whole) == pytest.approx(sum(samples.values["acc"]))
    assert sum(one.n for one in curves["bbq_like"]["base", "identity", "men"]) == 40
