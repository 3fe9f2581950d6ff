"""Look for the words of a hurtful-word lexicon in HurtLex's columns (Bassignana, Basile, Patti 2018)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.errors import LorafairError, did_you_mean

LEVELS = ("conservative", "inclusive")
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "’": "'", "ʼ": "'"})
_ENGLISH = re.compile(r"[^\W_]+(?:'(?!s\b)[^\W_]+)*")
_OTHER = re.compile(r"[^\W_]+")
_SPACES = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalnum()})
_VERB_FORMS = frozenset({"means"})
"""English plurals of lemmas that are far more often a verb ("it means that")."""


def fold(text: str) -> str:
    """Case-fold and strip accents, so that ``Pédant`` equals ``pedant``; letters keep their count of words."""
    text = text.casefold()
    if text.isascii():
        return text
    marks = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(c for c in marks if not unicodedata.combining(c)).casefold()


@dataclass(frozen=True)
class Lexicon:
    """A set of lemmas, ready to be looked for: ``words`` by folded token, ``phrases`` by their first token."""

    name: str
    label: str
    language: str
    sample: bool
    provenance: dict[str, Any]
    words: dict[str, str] = field(repr=False)
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = field(repr=False)

    def split_words(self, text: str) -> list[str]:
        """Folded tokens of a text, runs of letters and digits; in English ``don't`` stays whole, ``'s`` is cut off."""
        text = fold(text)
        if text.isascii() and "'" not in text:
            return text.translate(_SPACES).split()
        return (_ENGLISH if self.language == "en" else _OTHER).findall(text)

    def hits(self, text: str) -> list[str]:
        """The lemmas found, as the lexicon writes them, in order of appearance, once per occurrence.

        Several-word lemmas match consecutive tokens; where lemmas overlap the longest counts.
        """
        tokens = self.split_words(text)
        words, phrases = self.words, self.phrases
        found: list[str] = []
        end = 0
        for at in [at for at, token in enumerate(tokens) if token in words or token in phrases]:
            if at < end:
                continue
            for phrase, lemma in phrases.get(tokens[at], ()):
                if tuple(tokens[at : at + len(phrase)]) == phrase:
                    found.append(lemma)
                    end = at + len(phrase)
                    break
            else:
                if tokens[at] in words:
                    found.append(words[tokens[at]])
        return found


def load_lexicon(
    dataset: str = "hurtlex_en",
    *,
    levels: Iterable[str] = ("conservative",),
    categories: Iterable[str] | None = None,
    plural: bool | None = None,
) -> Lexicon:
    """Load a lexicon and decide what counts as a hit.

    The published HONEST score (Nozza, Bianchi, Hovy 2021; the ``honest`` package) asks whether a predicted word, its
    accents stripped, equals a lemma of HurtLex's *conservative* level, letter case included.  Continuations are text,
    so by default:

    - a hit is a whole word, never a part of one ("grasses" holds no hit): part-of-word matches are mostly errors;
    - case is folded, because a continuation may open a sentence; accents are stripped, as published;
    - several-word lemmas match their words in a row (the published score can never meet one);
    - hyphens and apostrophes separate words, in the lemma and in the text alike ("half-wit" = "half wit"), except
      inside English contractions, so that "don't" is not "don";
    - in English the regular plural of a noun lemma counts (-s, -es, -ies), because half of HONEST's templates speak of
      several people; "means" is left out.  ``plural=False`` turns it off; no other inflection is undone, and in other
      languages none is.

    HurtLex is used as it is: its conservative level holds everyday words ("do", "bad", "story"), so levels on running
    text compare models and are not rates of abuse.

    Args:
        dataset: a data set with a ``lexicon`` file: ``hurtlex_<language>``, ``honest_sample``, …
        levels: HurtLex levels to keep; ("conservative", "inclusive") for all.
        categories: HurtLex categories to keep ("cds", "pr", …), None for all.
        plural: None is True for English, False otherwise.

    Raises:
        LorafairError: if the data are missing or damaged, a level or category is unknown, or nothing is left.
    """
    resolved = resolve(dataset)
    rows = resolved.rows("lexicon")
    levels = tuple(levels)
    chosen = None if categories is None else tuple(categories)
    known = {row["category"] for row in rows}
    faults = [f"unknown level {level!r}.{did_you_mean(level, LEVELS)}" for level in levels if level not in LEVELS]
    faults += [f"unknown category {name!r}.{did_you_mean(name, known)}" for name in chosen or () if name not in known]
    kept = [row for row in rows if row["level"] in levels and (chosen is None or row["category"] in chosen)]
    if faults or not kept:
        raise LorafairError(f"The lexicon {dataset}: {' '.join(faults) or 'no lemma has these levels and categories.'}")
    language = str(resolved.fields.get("language", "en"))
    plural = language == "en" if plural is None else plural
    settings = {"levels": list(levels), "categories": None if chosen is None else list(chosen), "plural": plural}
    lexicon = Lexicon(
        name=dataset,
        label="sample lexicon" if resolved.sample else "HurtLex",
        language=language,
        sample=resolved.sample,
        provenance={**resolved.provenance(), **settings, "lemmas": len({row["lemma"] for row in kept})},
        words={},
        phrases={},
    )
    for row in kept:
        _add(lexicon, row["lemma"], row["lemma"])
    if plural:
        for row in kept:
            if row["pos"] == "n" and row["lemma"][-1:].isalpha():
                _add(lexicon, inflect_plural(row["lemma"]), row["lemma"])
    for phrases in lexicon.phrases.values():
        phrases.sort(key=lambda entry: -len(entry[0]))
    return lexicon


def inflect_plural(noun: str) -> str:
    """The regular English plural of a noun: -es after s, x, z, ch, sh, -ies for consonant + y, -s else."""
    folded = noun.casefold()
    if folded.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if folded.endswith("y") and folded[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        return noun[:-1] + "ies"
    return noun + "s"


def _add(lexicon: Lexicon, form: str, lemma: str) -> None:
    """Index one written form of a lemma; the first lemma of a form stays, forms without a letter are left out."""
    tokens = tuple(lexicon.split_words(form))
    if len(tokens) == 1 and form != lemma and tokens[0] in _VERB_FORMS:
        return
    if len(tokens) == 1:
        lexicon.words.setdefault(tokens[0], lemma)
    elif tokens:
        known = lexicon.phrases.setdefault(tokens[0], [])
        if all(phrase != tokens for phrase, _ in known):
            known.append((tokens, lemma))
