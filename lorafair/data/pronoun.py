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
"""Subject, object, possessive before a noun, possessive alone (``own``), reflexive, by the masculine word."""

_FOUND = {gender: re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE) for gender, words in PRONOUNS.items()}
_WORD = re.compile(r"\b(?:she|hers?|herself|he|him|his|himself|they|them|theirs?|themselves)\b", re.IGNORECASE)
_NEXT = re.compile(r"[ \t]+([a-z]+)", re.IGNORECASE)
# After "her" the object (and "his" alone) comes no noun phrase, but the end, an adverb in -ly, one of these words ...
_NO_NOUN = re.compile(
    r"a|about|again|against|all|alone|an|and|any|anything|anywhere|as|at|away|because|but|by|down|during|even|ever|every|"
    r"everything|for|from|had|has|have|her|him|his|how|if|in|into|instead|is|it|its|just|less|like|lots|many|more|much|my|"
    r"never|no|not|nothing|of|off|on|once|or|our|out|over|since|so|some|someone|something|somewhere|that|the|their|then|"
    r"there|these|this|those|to|today|tomorrow|too|under|until|up|very|was|well|were|what|when|where|whether|which|while|"
    r"who|why|will|with|without|would|yesterday|your|he|she|they|i|we|you|"
    r"(?!(?:curly|daily|disorderly|early|elderly|family|friendly|hourly|likely|lonely|lovely|monthly|only|silly|ugly|"
    r"weekly|yearly)$)\w+ly"
)
# ... or it stands after a verb that takes a person and then something more ("gave her advice", "helped her move").
_GIVES = re.compile(
    r"\b(?:asks?|asked|charged?|give|gives|gave|given|hands?|handed|helps?|helped|lend|lent|lets?|makes?|made|"
    r"offer|offers|offered|pay|provide|provides|provided|sell|send|showed|shows?|teach|teaches|taught|tells?|told|treated|"
    r"treats?|wish|wished)[ \t]+$",
    re.IGNORECASE,
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
    ones occur both change.  Which of two words "her" (him, his) and "his" (her, hers) stand for is told from the words
    around it by closed lists; ``tests/data/test_pronoun.py`` says how often that is right.

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
        follows = after.group(1).lower() if after else ""
        noun = bool(follows) and not _NO_NOUN.fullmatch(follows)
        if word == "her" and noun:
            noun = not _GIVES.search(text[: found.start()])
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
