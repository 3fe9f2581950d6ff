"""BLEU of a set from its sentences' sums is sacrebleu's own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.translation.bleu import count_bleu, describe_bleu, sum_bleu

WORDS = st.lists(st.sampled_from(["The", "the", "cook", ".", ",", "left", "he", "she", "12", "it's"]), max_size=9).map(
    " ".join
)


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, st.tuples(WORDS, WORDS, WORDS)), min_size=1, max_size=6))
def test_the_set_and_each_sentence_are_sacrebleus(pairs):
    from sacrebleu import corpus_bleu, sentence_bleu

    texts, references = [text for text, _ in pairs], [own for _, own in pairs]
    found = [count_bleu(text, own) for text, own in pairs]
    columns = [list(column) for column in zip(*references, strict=True)]
    whole = corpus_bleu(texts, columns, lowercase=True).score
    assert sum_bleu(each.sums for each in found) == pytest.approx(whole, abs=1e-9)
    for text, own, each in zip(texts, references, found, strict=True):
        assert each.score == pytest.approx(sentence_bleu(text, list(own), lowercase=True).score, abs=1e-9)


def test_nothing_has_no_bleu_and_an_empty_translation_has_none_of_it():
    assert math.isnan(sum_bleu([]))
    assert count_bleu("", ["The cook left."]).score == 0
    assert count_bleu("\x00 \ud800", ["The cook left."]).score == 0
    assert describe_bleu().startswith("sacrebleu ")
