"""Which gender a translation gives to the person that the English sentence is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from lorafair.translation.alignment import align
from lorafair.translation.fault import Fault, find_fault
from lorafair.translation.language import Gender, Language
from lorafair.translation.profession import Beginnings
from lorafair.translation.token import fold_token, read_word, split_tokens

ARTICLES = {"the", "a", "an"}
LONGEST = (40, 2)
"""A translation is read up to 40 tokens and two for each token of the sentence; what follows is cut off."""


@dataclass(frozen=True)
class Entity:
    """A sentence of WinoMT: its text, the token that names the entity, and the name ("construction worker")."""

    text: str
    index: int
    profession: str


@dataclass(frozen=True)
class Reading:
    """What a translation says of the entity.

    ``gender``; ``words``: those it was read from; ``fault``: why it could not be; ``cut``: whether only its beginning
    was read; ``recognised``: whether one of the words is known to translate the entity's name.
    """

    gender: Gender
    words: str
    fault: Fault | None = None
    cut: bool = False
    recognised: bool = False


def read_entities(entities: Sequence[Entity], translations: Sequence[str], language: Language) -> list[Reading]:
    """The gender of each sentence's entity in its translation (Stanovsky, Smith and Zettlemoyer 2019).

    All sentences are linked with their translations at once (:func:`lorafair.translation.alignment.align`): the more
    there are, the better the links; professions that the language's file lists are found in a few sentences too.  The
    words that the entity and its article are linked to go to the language's ``read_gender``.

    Args:
        entities: N sentences.
        translations: N translations; their first line with a word in it is read.
        language: of the translations.
    """
    sources = [split_tokens(entity.text) for entity in entities]
    targets = [language.tokenise(_take_line(text)) for text in translations]
    limits = [LONGEST[0] + LONGEST[1] * len(source) for source in sources]
    cut = [len(target) > limit for target, limit in zip(targets, limits, strict=True)]
    targets = [target[:limit] for target, limit in zip(targets, limits, strict=True)]
    faults = [find_fault(source, target, language) for source, target in zip(sources, targets, strict=True)]
    known = {word: Beginnings(beginnings) for word, beginnings in language.professions.items()}
    fold = cache(language.fold)
    folded = [[] if fault else [fold(token) for token in target] for target, fault in zip(targets, faults, strict=True)]

    @cache
    def match(source: str, target: str) -> bool:
        return known[source].match(target)

    def hint(source: str, target: str) -> bool:
        return source in known and match(source, target)

    links = align([[fold_token(token) for token in source] for source in sources], folded, hint)
    readings = []
    for at, entity in enumerate(entities):
        if (fault := faults[at]) is not None:
            readings.append(Reading("unknown", "", fault, cut[at]))
            continue
        positions = _find_positions(entity, sources[at], folded[at], links[at], known)
        words = " ".join(targets[at][position] for position in positions)
        named = [read_word(source) for source in sources[at][entity.index :][: _count_words(entity)]]
        recognised = any(hint(word, folded[at][position]) for word in named for position in positions)
        readings.append(Reading(language.read_gender(targets[at], positions), words, None, cut[at], recognised))
    return readings


def _take_line(text: str) -> str:
    return next((line for line in text.splitlines() if any(map(str.isalnum, line))), "")


def _find_positions(
    entity: Entity,
    source: Sequence[str],
    target: Sequence[str],
    links: Sequence[int],
    known: dict[str, Beginnings],
) -> list[int]:
    """Positions in the translation of the entity's article and of its words.

    Where nothing is linked to its words, the one that looks like a known translation of them and stands nearest to
    the diagonal is taken.
    """
    named = range(entity.index, entity.index + _count_words(entity))
    before = entity.index - 1
    article = [before] if before >= 0 and source[before].lower() in ARTICLES else []
    positions = {place: [at for at, link in enumerate(links) if link == place] for place in (*article, *named)}
    if not any(positions[place] for place in named):
        words = [read_word(source[place]) for place in named if place < len(source)]
        alike = [at for at, word in enumerate(target) if any(w in known and known[w].match(word) for w in words)]
        if alike:
            share = entity.index / len(source)
            return [min(alike, key=lambda at: abs(at / len(target) - share))]
    return [at for place in (*article, *named) for at in positions[place]]


def _count_words(entity: Entity) -> int:
    return max(len(entity.profession.split()), 1)
