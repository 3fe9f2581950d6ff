"""What is wrong with a translation before its grammar is looked at: empty, the source itself, another language."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from lorafair.translation.language import Language
from lorafair.translation.profession import read_words
from lorafair.translation.token import read_word

Fault = Literal["empty", "copied", "other_script", "other_language"]
FAULTS: dict[Fault, str] = {
    "empty": "no word in it",
    "copied": "the English sentence itself",
    "other_script": "most letters are of another script",
    "other_language": "its small words are of another language",
}
"""Each makes the gender unknown, and is counted."""

COMMON = {
    "en": read_words("the because she his that with they their to and was for him asked told"),
    "es": read_words("el la los las un una que porque con de del al le les ella él para su sus se no y a en lo por"),
    "fr": read_words(
        "le la les l' un une que qu' parce car avec de d' du des au elle il son sa ses pour et à a ne n' lui en"
    ),
    "it": read_words(
        "il lo la l' i gli le un una che perché con di del della dell' al alla lei lui suo sua per e non a ha"
    ),
    "de": read_words("der die das den dem des ein eine einen weil dass mit und er sie ihr ihm sein zu nicht von es im"),
}
"""Small words of the languages in Latin script; a word of two languages is evidence for neither against the other."""
LETTERS = {"ru": "ыэёъ", "uk": "іїєґ"}
"""Letters that only one of two languages in Cyrillic script has."""


def find_fault(source: Sequence[str], translation: Sequence[str], language: Language) -> Fault | None:
    """Why no gender can be read out of a translation, or None.

    Args:
        source: the sentence's tokens.
        translation: its translation's tokens.
        language: what it should be in.

    Returns:
        "other_language" only where two small words of another language stand there and none of the expected one: a
        translation without any is given the benefit of the doubt.
    """
    words = [word for word in map(read_word, translation) if word]
    letters, right = map(sum, zip((0, 0), *(_count_letters(word, language.script) for word in words), strict=True))
    if not letters:
        return "empty"
    if words == [word for word in map(read_word, source) if word]:
        return "copied"
    if 2 * right < letters:
        return "other_script"
    return "other_language" if _is_other(words, language.code) else None


def _is_other(words: Sequence[str], code: str) -> bool:
    if code in LETTERS:
        (other,) = (letters for known, letters in LETTERS.items() if known != code)
        used = set("".join(words))
        return not used & set(LETTERS[code]) and bool(used & set(other))
    if code not in COMMON:
        return False
    found = [known for word in words for known in _find_common(word)]
    if not any(other != code for known in found for other in known):
        return False
    return any(
        sum(other in known and code not in known for known in found) > 1
        and not any(code in known and other not in known for known in found)
        for other in COMMON
        if other != code
    )


@lru_cache(maxsize=65_536)
def _find_common(word: str) -> tuple[frozenset[str], ...]:
    """Of the word, and of what stands before its apostrophe: the languages that have it among their small words."""
    parts = [part for part in (word, word.partition("'")[0] + "'") if part != word + "'"]
    found = (frozenset(code for code, common in COMMON.items() if part in common) for part in parts)
    return tuple(known for known in found if known)


@lru_cache(maxsize=65_536)
def _count_letters(word: str, script: str) -> tuple[int, int]:
    """A word's letters, and how many of them are of the script."""
    letters = [char for char in word if char.isalpha()]
    return len(letters), sum(_is_of(char, script) for char in letters)


@lru_cache(maxsize=4096)
def _is_of(char: str, script: str) -> bool:
    return unicodedata.name(char, "").startswith(script)
