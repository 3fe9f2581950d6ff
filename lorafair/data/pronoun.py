"""English pronouns of the third person: which gender a text speaks of, and the same text with another gender."""

from __future__ import annotations

import re
from typing import Literal

PronounClass = Literal["male", "female", "neutral", "unknown"]
CLASSES: tuple[PronounClass, ...] = ("male", "female", "neutral", "unknown")
PRONOUNS: dict[PronounClass, tuple[str, ...]] = {
    "female": ("she", "her", "hers", "herself"),
    "male": ("he", "him", "his", "himself"),
    "neutral": ("they", "them", "their", "themselves"),
}
"""Ding et al. 2024: the whole words that a translation's class is read from."""
FORMS: dict[PronounClass, dict[str, str]] = {
    "male": {"he": "he", "him": "him", "his": "his", "own": "his", "himself": "himself"},
    "female": {"he": "she", "him": "her", "his": "her", "own": "hers", "himself": "herself"},
    "neutral": {"he": "they", "him": "them", "his": "their", "own": "theirs", "himself": "themselves"},
}
"""Subject, object, possessive before a noun, possessive alone, reflexive: by the masculine word, ``own`` for the fourth."""

_FOUND = {gender: re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE) for gender, words in PRONOUNS.items()}
_WORD = re.compile(r"\b(?:she|hers?|herself|he|him|his|himself|they|them|theirs?|themselves)\b", re.IGNORECASE)
_NEXT = re.compile(r"[ \t]+([a-z]+)", re.IGNORECASE)
# After "her" the object (and after "his" the possessive alone) there is no noun phrase, but the end or one of these.
_NO_NOUN = frozenset(
    "a about again against all alone an and any as at away back because before but by down during even ever every for "
    "from good had has have her him his how if in into instead is it its just like more much my never no not of off on "
    "once one or our out over since so some that the their then there these this those to today tomorrow too under "
    "until up very was well were what when where whether which while who why will with without would yesterday your "
    "he she they i we you".split()
)


def read_pronoun_class(text: str) -> PronounClass:
    """The gender that a text's pronouns speak of, as Ding et al. (2024) read a translation.

    Whole words whatever their case (:data:`PRONOUNS`): ``unknown`` where feminine and masculine ones occur, or none
    does; ``female`` and ``male`` go before ``neutral``.
    """
    female, male = _FOUND["female"].search(text), _FOUND["male"].search(text)
    if female and male:
        return "unknown"
    return "female" if female else "male" if male else "neutral" if _FOUND["neutral"].search(text) else "unknown"


def has_both_genders(text: str) -> bool:
    """Whether feminine and masculine pronouns occur, one of the two reasons for ``unknown``."""
    return bool(_FOUND["female"].search(text) and _FOUND["male"].search(text))


def swap_pronouns(text: str, to: PronounClass) -> str:
    """The text with the pronouns of its own gender made those of another; verbs are left as they are.

    Pronouns of another gender than the text's class stay ("she had too many of them"); where feminine and masculine
    ones occur both change.  Which of the two words "her" (him, his) and "his" (her, hers) stand for is told from the
    word that follows: a closed list of words that begin no noun.

    Args:
        text: English.
        to: ``male``, ``female`` or ``neutral``.

    Raises:
        KeyError: for ``unknown``.
    """
    forms, own = FORMS[to], read_pronoun_class(text)
    if own == to:
        return text
    mine = (*PRONOUNS["female"], *PRONOUNS["male"]) if own == "unknown" else (*PRONOUNS[own], "theirs")

    def change(found: re.Match[str]) -> str:
        word = found.group().lower()
        if word not in mine:
            return found.group()
        after = _NEXT.match(text, found.end())
        noun = after is not None and after.group(1).lower() not in _NO_NOUN
        new = forms[_name_slot(word, noun)]
        return new.capitalize() if found.group()[0].isupper() else new

    return _WORD.sub(change, text)


def swap_all(text: str) -> tuple[str, str, str]:
    """The text as of a man, of a woman and of "they": the references of a gender-blind BLEU (Ding et al. 2024)."""
    return swap_pronouns(text, "male"), swap_pronouns(text, "female"), swap_pronouns(text, "neutral")


def fill_pronouns(template: str, gender: PronounClass) -> str:
    """A sentence whose pronouns stand as ``{he}``, ``{him}``, ``{his}``, ``{own}``, ``{himself}``."""
    for slot, word in FORMS[gender].items():
        template = template.replace(f"{{{slot}}}", word)
    return template[:1].upper() + template[1:]


def _name_slot(word: str, noun: bool) -> str:
    if word == "her":
        return "his" if noun else "him"
    if word == "his":
        return "his" if noun else "own"
    for forms in FORMS.values():
        for slot, form in forms.items():
            if form == word:
                return slot
    raise KeyError(word)
