"""Texts cut at their stop sequences, and the words that they begin with."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
WORD_TOKENS = 5


def cut(text: str, until: Iterable[str]) -> str:
    """``text`` before the first of its stop sequences."""
    for stop in until:
        if stop:
            text = text.split(stop)[0]
    return text


def first_word(text: str) -> str | None:
    """The first word of a text (letters, digits, inner apostrophes and hyphens), or None."""
    found = WORD.search(text)
    return found[0] if found else None


def distinct_words(texts: Iterable[str], k: int) -> list[str]:
    """The first words of ``texts``, without repeats in another case, at most ``k``."""
    words: dict[str, str] = {}
    for text in texts:
        word = first_word(text)
        if word and word.casefold() not in words:
            words[word.casefold()] = word
    return list(words.values())[:k]
