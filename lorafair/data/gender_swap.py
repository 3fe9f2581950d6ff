"""The same English text about the other gender, or a reason why there is none (counterfactual twins).

``her`` is "his" or "him" and ``his`` is "her" or "hers", which a word list cannot tell: the word that follows and the
verb before decide (:func:`_opens_noun`), and where they cannot the text is refused.  A swap counts only if swapping its
result gives the text back, so that neither twin is the original of the other.

Limits.  English only; a name at the start of a sentence that is not in the list stays as it is (elsewhere it is
refused); "man" as a verb or as mankind is taken for a man; what a sentence means is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lorafair.data import gender_word as words

REASONS = {
    "nothing_to_swap": "no word tells a gender",
    "no_partner": "a word tells a gender and has no one word of the other",
    "bound_to_gender": "a word says what the other gender is seldom said",
    "ambiguous_pronoun": "her or his may be a possessive or not",
    "name_or_word": "a capitalised word may be a name or a word",
    "unknown_name": "a capitalised word may be a name that is not in the list",
    "compound": "a gendered word is part of a compound",
    "letter_case": "a gendered word mixes capital and small letters",
    "not_reversible": "swapping twice would not give the text back",
}
"""Why a text is refused."""
_WORD = re.compile(r"[^\W\d_]+(?:['’](?=am\b)[^\W\d_]+)?")
_NEXT = re.compile(r"[ \t]+[\"“‘'(]*([^\W\d_]+|\d)")
_LAW = re.compile(r"-in-law\b")
_FREE_PREFIX = re.compile(r"(?:^|[^\w-])(?:ex|great|half|soon-to-be|then|now)-$", re.IGNORECASE)
_TO_MALE = {**words.NOUNS, **words.SURE_PRONOUNS}
_TO_FEMALE = {male: female for female, male in _TO_MALE.items()}
_CAPITALISED = {**words.NAMES, **words.TITLES}
_CAPITALISED_BACK = {male: female for female, male in _CAPITALISED.items()}


@dataclass(frozen=True)
class Swap:
    """What became of a text.

    ``text``: the twin, None if refused.  ``refused``: a key of :data:`REASONS`, None if not; ``word``: the word that
    was refused.  ``changes``: (before, after) of each word exchanged, in order.  ``gender``: whom the original is
    about, ``female``, ``male``, ``both``, or None where it is refused.
    """

    text: str | None
    refused: str | None = None
    word: str = ""
    changes: tuple[tuple[str, str], ...] = ()
    gender: str | None = None
    ends: tuple[int, ...] = ()
    """Where each exchanged word ends in the original, in characters."""


def swap_gender(text: str, keep: Iterable[str] = ()) -> Swap:
    """Exchange every word that tells a gender.

    ``swap_gender(swap_gender(text).text).text == text`` wherever the text is not refused, and then the twin is not
    refused either.

    Args:
        text: English.
        keep: capitalised words that are no given names, beside the usual ones (places, companies).
    """
    kept = frozenset(word.casefold() for word in keep)
    there = _exchange(text, kept)
    if there.text is None:
        return there
    back = _exchange(there.text, kept)
    if back.text != text:
        return Swap(None, "not_reversible", back.word)
    return there


def _exchange(text: str, keep: frozenset[str]) -> Swap:
    changes: list[tuple[str, str]] = []
    genders: set[str] = set()
    parts: list[str] = []
    ends: list[int] = []
    done = 0
    before = ""
    for found in _WORD.finditer(text):
        word = found.group()
        other, told = _decide(word, text, found.start(), found.end(), before, keep)
        before = word.casefold()
        if told in REASONS:
            return Swap(None, told, word)
        if other is None:
            continue
        genders.add(told)
        changes.append((word, other))
        ends.append(found.end())
        parts += [text[done : found.start()], other]
        done = found.end()
    if not changes:
        return Swap(None, "nothing_to_swap")
    gender = genders.pop() if len(genders) == 1 else "both"
    return Swap("".join([*parts, text[done:]]), None, "", tuple(changes), gender, tuple(ends))


def _decide(word: str, text: str, start: int, end: int, before: str, keep: frozenset[str]) -> tuple[str | None, str]:
    """(the word in its place, the gender that it told), (None, a reason), or (None, "") where it tells none."""
    low = word.casefold()
    if low in keep:
        return None, ""
    if low in words.NO_PARTNER:
        return None, "no_partner"
    if low in words.BOUND:
        return None, "bound_to_gender"
    title = word.capitalize()
    if word[0].isupper() and (title in _CAPITALISED or title in _CAPITALISED_BACK):
        other, gender = (_CAPITALISED[title], "female") if title in _CAPITALISED else (_CAPITALISED_BACK[title], "male")
        return _as(word, other, gender)
    pronoun = low in ("her", "hers", "him", "his")
    if pronoun or low in _TO_MALE or low in _TO_FEMALE:
        if _is_compound(text, start, end):
            return None, "compound"
        if not pronoun:
            return _as(word, _TO_MALE[low], "female") if low in _TO_MALE else _as(word, _TO_FEMALE[low], "male")
        return _decide_pronoun(word, low, before, text[end:])
    if low.endswith(("man", "men")) and low not in words.NO_MEN:
        return None, "no_partner"
    if word[0].isupper() and not (word.isupper() and len(word) > 1):
        if low in words.NAMES_OR_WORDS:
            return None, "name_or_word"
        if low not in words.NO_NAMES and before not in words.BEFORE_SURNAMES and not _opens_sentence(text, start):
            return None, "unknown_name"
    return None, ""


def _decide_pronoun(word: str, low: str, before: str, after: str) -> tuple[str | None, str]:
    if low == "him":
        return _as(word, "her", "male")
    if low == "hers":
        return _as(word, "his", "female")
    possessive = _opens_noun(before, after)
    if possessive is None:
        return None, "ambiguous_pronoun"
    if low == "her":
        return _as(word, "his" if possessive else "him", "female")
    return _as(word, "her" if possessive else "hers", "male")


def _opens_noun(before: str, after: str) -> bool | None:
    """Whether what follows her or his is the noun it belongs to; None where that cannot be told.

    Told alike of both twins: no word that is looked at changes its answer when it is swapped.
    """
    found = _NEXT.match(after)
    if not found:
        return None if after[:1] == "-" else False
    word = found.group(1)
    low = word.casefold()
    if low in words.CLOSED:
        return False
    if low in words.UNSURE_NEXT or low.isdigit():
        return None
    if low in _TO_MALE or low in _TO_FEMALE or low in words.PEOPLE:
        return True
    if word[0].isupper() and not word.isupper():
        return None
    if low.endswith("ly") and low not in words.LY_WORDS:
        return None
    if low.endswith("ing") and low not in words.ING_WORDS:
        return None
    if low.endswith("ed") and len(low) > 4:
        return None
    # "a picture of his house", "a friend of his lives here"
    return None if before == "of" or before in words.TWO_OBJECTS else True


def _as(word: str, other: str, gender: str) -> tuple[str | None, str]:
    """The other word in the letter case of the one it replaces."""
    if word.islower():
        return other.lower(), gender
    if word.isupper():
        return other.upper(), gender
    if word == word.capitalize():
        return other.capitalize(), gender
    return None, "letter_case"


def _is_compound(text: str, start: int, end: int) -> bool:
    """Whether a word is tied to another by a hyphen or a slash, but for relations by law and prefixes like ex-."""
    if text[end : end + 1] in ("-", "/") and not _LAW.match(text, end):
        return True
    return text[max(start - 1, 0) : start] in ("-", "/") and not _FREE_PREFIX.search(text[:start])


def _opens_sentence(text: str, start: int) -> bool:
    head = text[:start].rstrip(" \t\"“‘'([")
    return not head or head[-1] in ".!?:;\n…"
