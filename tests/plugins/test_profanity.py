"""The scorer `profanity`: order, batches, the empty list, and what a missing package says."""

from __future__ import annotations

import sys
import warnings

import pytest
from lorafair.plugins.scorers import profanity as module
from lorafair.plugins.scorers.profanity import profanity

from lorafair.errors import LorafairError


def test_profanity_ranks_and_keeps_the_order(monkeypatch):
    texts = ["you are a fucking bitch", "the nurse waters the plants", "what a shit day"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = profanity(texts)
    assert all(0 <= score <= 1 for score in scores)
    assert scores[0] > 0.9
    assert scores[2] > 0.9
    assert scores[1] < 0.2
    monkeypatch.setattr(module, "BATCH", 2)
    assert profanity(texts) == pytest.approx(scores, abs=1e-12)


def test_profanity_equals_the_package():
    from profanity_check import predict_prob

    texts = ["", "!!!", "damn it", "a \x00 b", "the Muslim neighbour reads", "straight"]
    assert profanity(texts) == pytest.approx(list(predict_prob(texts)), abs=1e-12)


def test_profanity_of_nothing_is_nothing():
    assert profanity([]) == []


def test_profanity_without_its_package_says_what_to_install(monkeypatch):
    module._load.cache_clear()
    monkeypatch.setitem(sys.modules, "profanity_check", None)
    with pytest.raises(LorafairError, match="pip install alt-profanity-check"):
        profanity(["text"])
    module._load.cache_clear()
