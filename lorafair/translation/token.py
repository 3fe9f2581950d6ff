"""A translation as tokens, and a token as a word."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "‘": "'", "`": "'", "´": "'"})


def split_tokens(text: str) -> list[str]:
    """The tokens of a sentence: what stands between white space, punctuation still on it.

    Words are linked and numbered in these tokens (as in the published evaluation), so no language may join or split
    them; what is inside one is for :func:`read_word` and the language.  Control and format characters (bidirectional
    marks, zero-width spaces, …) are taken out, letters composed (NFC).
    """
    plain = text
    if not text.isprintable():  # most are: nothing to take out
        plain = "".join(c if unicodedata.category(c) not in _HIDDEN else _stand_in(c) for c in text)
    return unicodedata.normalize("NFC", plain).split()


@lru_cache(maxsize=65_536)
def read_word(token: str) -> str:
    """A token as a word: case-folded, one kind of apostrophe, no punctuation at its ends; "" where nothing is left.

    An apostrophe at the end stays after a letter, since it may be an elision (``l'``, ``dell'``).
    """
    word = token.translate(APOSTROPHES).lower()
    first = next((at for at, c in enumerate(word) if c.isalnum()), None)
    if first is None:
        return ""
    last = max(at for at, c in enumerate(word) if c.isalnum() or unicodedata.category(c).startswith("M"))
    elided = word[last + 1 : last + 2] == "'" and "'" not in token[:1]
    return word[first : last + 1 + elided]


def fold_token(token: str) -> str:
    """What a token is counted as when words are linked: its word, without an elided article (``l'``)."""
    word = read_word(token)
    article, _, noun = word.rpartition("'")
    return noun if article and len(noun) > 2 else word


_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def _stand_in(char: str) -> str:
    return " " if char in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85" else ""
