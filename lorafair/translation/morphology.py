"""Grammatical gender by dictionary, for languages that pymorphy3 knows (Korobov 2015, OpenCorpora's tags)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from lorafair.errors import LorafairError
from lorafair.translation.language import Gender

_GENDERS: dict[str | None, Gender] = {"masc": "male", "femn": "female", "neut": "neutral"}


def read_gender_by_parses(tokens: Sequence[str], positions: Sequence[int], code: str) -> Gender:
    """The gender that most of the words at ``positions`` have, as the published evaluation of ru and uk reads it.

    A word is feminine if any of its dictionary parses is, otherwise what most of its parses are, and neutral where none
    has a gender (prepositions, pronouns of the first person, and punctuation marks, which are words here).  Of genders
    that tie the first word's counts.  So ``механик``, ``техник`` and ``аналитик`` are feminine, because the form is a
    plural of the science's name, too.

    Args:
        tokens: of the translation.
        positions: of the words that stand for the person; the article's first.
        code: ``ru`` or ``uk``.

    Returns:
        ``unknown`` where there are no positions, and where no token there has a Cyrillic letter.

    Raises:
        LorafairError: if the dictionary is not installed.
    """
    text = " ".join(tokens[at] for at in positions)
    if not any(unicodedata.name(char, "").startswith("CYRILLIC") for char in text):
        return "unknown"
    _load_dictionary(code)
    from pymorphy3.tokenizers import simple_word_tokenize

    genders = Counter(_read_word_gender(word, code) for word in simple_word_tokenize(_drop_stress(text)))
    return genders.most_common(1)[0][0]


@lru_cache(maxsize=65536)
def _read_word_gender(word: str, code: str) -> Gender:
    found = [_GENDERS[parse.tag.gender] for parse in _load_dictionary(code).parse(word) if parse.tag.gender in _GENDERS]
    if not found:
        return "neutral"
    return "female" if "female" in found else Counter(found).most_common(1)[0][0]


@lru_cache(maxsize=4)
def _load_dictionary(code: str) -> Any:
    try:
        from pymorphy3 import MorphAnalyzer

        return MorphAnalyzer(lang=code)
    except (ImportError, ValueError, OSError) as error:
        raise LorafairError(
            f"Translations into {code!r} are judged by a dictionary that cannot be loaded ({error}): "
            f"`pip install pymorphy3 pymorphy3-dicts-{code}`."
        ) from error


def _drop_stress(text: str) -> str:
    """The text without the accent that marks stress in Cyrillic; й and ї are letters of their own and stay."""
    return unicodedata.normalize("NFC", text).replace("\N{COMBINING ACUTE ACCENT}", "")
