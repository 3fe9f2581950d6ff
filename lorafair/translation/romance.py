"""The gender of a noun phrase in Spanish, French and Italian: article, noun and adjectives have one vote each.

The published evaluation of WinoMT let spaCy's taggers vote over the linked words.  Their models are in no package
index, so a word's gender is told by rules here: what a determiner is, what a noun's ending says, and which nouns say
nothing (common gender).  A complement ("ama *de llaves*", "impiegato *della banca*") has no vote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lorafair.translation.language import Gender
from lorafair.translation.profession import Beginnings
from lorafair.translation.token import read_word

MALE: Literal["male"] = "male"
FEMALE: Literal["female"] = "female"
NOTHING: Literal["neutral"] = "neutral"
Vote = Literal["male", "female", "neutral"]
INCLUSIVE = re.compile(r"\w(?:[·•*]-?\w{1,6}|[(]-?\w{1,6}[)]|/-?\w{1,6})|\w@")
"""A word for both genders: ``développeur·euse``, ``desarrollador/a``, ``assistant(e)``, ``tod@s``."""


def tell(vote: Vote, words: str) -> dict[str, Vote]:
    """``{word: vote}`` of words between spaces."""
    return dict.fromkeys(words.split(), vote)


def list_endings(vote: Vote, endings: str) -> list[tuple[str, Vote]]:
    """``(ending, vote)`` of endings between spaces, in their order."""
    return [(ending, vote) for ending in endings.split()]


@dataclass(frozen=True)
class Grammar:
    """What a language's words say of gender; all words in lower case.

    ``determiners``: articles, contracted ones too, ``neutral`` where they show no gender (``l'``, ``su``).
    ``prepositions``: what begins a complement.  ``others``: further words that are no nouns; ``verbs``: endings of
    words that are none.  ``nouns``: those whose gender their ending does not tell; ``endings``: tried in order.
    ``known``: nouns that are known to be professions.  ``silent``: (article, noun) where the article says
    nothing (``el ama``).  ``weak``: determiners that count only where nothing else tells.
    """

    determiners: Mapping[str, Vote]
    prepositions: frozenset[str]
    others: frozenset[str]
    verbs: tuple[str, ...]
    nouns: Mapping[str, Vote]
    endings: tuple[tuple[str, Vote], ...]
    known: Beginnings
    silent: frozenset[tuple[str, str]] = frozenset()
    weak: Mapping[str, Vote] = field(default_factory=dict)


def read_phrase(tokens: Sequence[str], positions: Sequence[int], grammar: Grammar) -> Gender:
    """The gender of the noun phrase that the positions point at.

    The head is the first linked noun that is known as a profession and has a determiner, else the first known one,
    else the first with a determiner, else the first.  Its determiner (linked or not), the head, and the linked words
    right after it vote; the majority counts, and between two of equal number the one that comes first, as in the
    published evaluation.

    Returns:
        "neutral" where the words show no gender or both ("el/la"); "unknown" where nothing is linked.
    """
    linked = sorted({at for at in positions if 0 <= at < len(tokens)})
    if not linked:
        return "unknown"
    words = [_split(token, grammar) for token in tokens]
    head = _find_head(words, linked, grammar)
    if head is None:
        return _count([grammar.determiners.get(words[at][-1], NOTHING) for at in linked if words[at]])
    chain = [head]
    for at in linked:
        if at > head and at - chain[-1] <= 2:
            between = [word for inner in range(chain[-1] + 1, at + 1) for word in words[inner]]
            if not all(_is_noun(word, grammar) for word in between):
                break
            chain.append(at)
    article = _find_article(words, head, grammar)
    if any(_is_inclusive(tokens[at]) for at in chain) or "/" in article:
        return NOTHING
    noun = words[head][-1]
    votes = [NOTHING if (article, noun) in grammar.silent else grammar.determiners.get(article, NOTHING)]
    votes += [_tell_noun(words[at][-1], grammar) for at in chain if words[at]]
    found = _count(votes)
    return grammar.weak.get(article, NOTHING) if found == NOTHING else found


def _split(token: str, grammar: Grammar) -> list[str]:
    """A token's words: ``l'infirmière`` is two of them."""
    word = read_word(token)
    if word in grammar.nouns:
        return [word]
    article, apostrophe, noun = word.rpartition("'")
    return [f"{article}'", noun] if apostrophe and noun and article else [word] if word else []


def _find_head(words: Sequence[Sequence[str]], linked: Sequence[int], grammar: Grammar) -> int | None:
    nouns = [at for at in linked if words[at] and _is_noun(words[at][-1], grammar)]
    known = [at for at in nouns if grammar.known.match(words[at][-1])]
    introduced = [at for at in nouns if _find_article(words, at, grammar)]
    if nouns:
        return ([at for at in known if at in introduced] or known or introduced or nouns)[0]
    for at in linked:  # an article without its noun
        following = words[at + 1] if at + 1 < len(words) else []
        if words[at] and words[at][-1] in grammar.determiners and following and _is_noun(following[-1], grammar):
            return at + 1
    return None


def _find_article(words: Sequence[Sequence[str]], head: int, grammar: Grammar) -> str:
    """The determiner of a noun, one adjective may stand between; "" without one."""
    if len(words[head]) > 1:
        return words[head][0]
    for back in (1, 2):
        before = words[head - back] if head >= back else []
        if before and (before[-1] in grammar.determiners or _is_double(before[-1], grammar)):
            return before[-1]
        if not before or not _is_noun(before[-1], grammar):
            break
    return ""


def _is_double(word: str, grammar: Grammar) -> bool:
    """``el/la``, ``un(a)``: an article in both genders."""
    first, _, second = word.replace("(", "/").partition("/")
    return bool(second) and first in grammar.determiners


def _is_noun(word: str, grammar: Grammar) -> bool:
    if grammar.known.match(word) and word not in grammar.others:
        return True
    known = word in grammar.determiners or word in grammar.prepositions or word in grammar.others
    return not known and not word.endswith(grammar.verbs) and any(map(str.isalpha, word))


def _is_inclusive(token: str) -> bool:
    return INCLUSIVE.search(token.rstrip(",;:!?").lower()) is not None


def _tell_noun(word: str, grammar: Grammar) -> Vote:
    if word in grammar.nouns:
        return grammar.nouns[word]
    forms = (word, word.removesuffix("s"))  # the plural after the singular's endings
    return next((vote for form in forms for ending, vote in grammar.endings if form.endswith(ending)), NOTHING)


def _count(votes: Sequence[Vote]) -> Gender:
    shown: list[Gender] = [vote for vote in votes if vote != NOTHING]
    return max(shown, key=lambda vote: shown.count(vote)) if shown else NOTHING  # the first of equals
