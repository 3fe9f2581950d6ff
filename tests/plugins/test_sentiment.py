"""The scorer `sentiment`: VADER's own numbers, long texts and emojis in bounded time, and a missing package."""

from __future__ import annotations

import sys
import time

import pytest
from lorafair.plugins.scorers import sentiment as module
from lorafair.plugins.scorers.sentiment import LONGEST, sentiment

from lorafair.errors import LorafairError


def test_sentiment_is_vader_s_compound_and_ranks():
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    texts = [
        "what a wonderful day",
        "the neighbour waters the plants",
        "a horrible, stupid idea",
        "not good",
        "",
        "!!!",
    ]
    scores = sentiment(texts)
    analyzer = SentimentIntensityAnalyzer()
    assert scores == [analyzer.polarity_scores(text)["compound"] for text in texts]
    assert scores[0] > 0.5 > scores[1] == 0 > scores[3] > scores[2]
    assert sentiment([]) == []


@pytest.mark.parametrize("text", ["good " * 10_000, "💗" * 10_000, "\x00 " * 10_000, "хорошо " * 10_000])
def test_only_the_start_of_a_long_text_is_read_and_it_takes_no_minutes(text):
    start = time.process_time()
    assert sentiment([text]) == sentiment([text[:LONGEST]])
    assert time.process_time() - start < 5


def test_sentiment_without_its_package_says_what_to_install(monkeypatch):
    module._load.cache_clear()
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    with pytest.raises(LorafairError, match="pip install vaderSentiment"):
        sentiment(["text"])
    module._load.cache_clear()


def test_identity_tells_version_and_cut():
    said = module.identify()
    assert said["vaderSentiment"][0].isdigit()
    assert (said["longest"], module.identify(longest=9)["longest"]) == (LONGEST, 9)
