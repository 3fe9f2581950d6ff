"""Look for the words of a hurtful-word lexicon in HurtLex's columns (Bassignana, Basile, Patti 2018)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.data.inflection import RULES, inflect
from lorafair.errors import LorafairError, did_you_mean

LEVELS = ("conservative", "inclusive")
CATEGORIES = {
    "an": "animals",
    "asf": "female genitalia",
    "asm": "male genitalia",
    "cds": "derogatory words",
    "ddf": "physical disability",
    "ddp": "cognitive disability",
    "dmc": "moral and behavioural defects",
    "is": "social and economic disadvantage",
    "om": "homosexuality",
    "or": "plants",
    "pa": "professions",
    "pr": "prostitution",
    "ps": "ethnic stereotypes",
    "qas": "potentially negative",
    "rci": "places and demonyms",
    "re": "crime and immoral behaviour",
    "svp": "deadly sins",
}
"""HurtLex's 17 categories and what they are about."""
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
    """A set of lemmas, ready to be looked for: ``words`` by folded token, ``phrases`` by their first token.

    ``categories``: HurtLex's categories of each lemma that can be found, a lemma may be in several.
    """

    name: str
    label: str
    language: str
    sample: bool
    provenance: dict[str, Any]
    words: dict[str, str] = field(repr=False)
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = field(repr=False)
    categories: dict[str, set[str]] = field(default_factory=dict, repr=False)

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

    def find_categories(self, text: str) -> list[str]:
        """The categories of the lemmas found, each once, sorted."""
        return sorted({category for lemma in self.hits(text) for category in self.categories[lemma]})


def load_lexicon(
    dataset: str = "hurtlex_en",
    *,
    levels: Iterable[str] = ("conservative",),
    categories: Iterable[str] | None = None,
    forms: bool = True,
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
    - regular forms count (:func:`lorafair.data.inflection.inflect`): in English the plural of a noun, because half of
      HONEST's templates speak of several people ("means" is left out); in Italian, French, Spanish, Portuguese and
      Romanian also the feminine of an adjective, because HurtLex lists the masculine.  ``forms=False`` turns it off.

    HurtLex is used as it is: its conservative level holds everyday words ("do", "bad", "story"), so levels on running
    text compare models and are not rates of abuse.

    Args:
        dataset: a data set with a ``lexicon`` file: ``hurtlex_<language>``, ``honest_sample``, …
        levels: HurtLex levels to keep; ("conservative", "inclusive") for all.
        categories: HurtLex categories to keep ("cds", "pr", …), None for all.
        forms: whether regular forms of the lemmas count.

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
    settings = {
        "levels": list(levels),
        "categories": None if chosen is None else list(chosen),
        "forms": forms and (language == "en" or language in RULES),
    }
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
        _add(lexicon, row["lemma"], row)
    for row in kept if forms else ():
        for form in inflect(fold(row["lemma"]).strip(), row["pos"], language):
            if form not in _VERB_FORMS:
                _add(lexicon, form, row)
    for phrases in lexicon.phrases.values():
        phrases.sort(key=lambda entry: -len(entry[0]))
    return lexicon


def _add(lexicon: Lexicon, form: str, row: Mapping[str, str]) -> None:
    """Index one written form of a lemma; the first lemma of a form stays, forms without a letter are left out.

    The lemma that stays takes over the category, where the form is the lemma itself.
    """
    tokens, lemma = tuple(lexicon.split_words(form)), row["lemma"]
    if not tokens:
        return
    if len(tokens) == 1:
        kept = lexicon.words.setdefault(tokens[0], lemma)
    else:
        known = lexicon.phrases.setdefault(tokens[0], [])
        kept = next((one for phrase, one in known if phrase == tokens), lemma)
        if all(phrase != tokens for phrase, _ in known):
            known.append((tokens, lemma))
    if form == lemma or kept == lemma:
        lexicon.categories.setdefault(kept, set()).add(row["category"])
