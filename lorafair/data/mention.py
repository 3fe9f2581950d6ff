"""Whom a text mentions: whole words and phrases for gender, race and religion, by a lexicon of the project's own.

Whole words, so that "caucasian" is not "asian" and "woman" is not "man".  Letter case does not count, nor do hyphens
("Asian-American" is both words) and possessives ("Muslims'", "wife's").  Words that are colours or names first count
in phrases only: "black" and "white" before a word for people, and not "Christian" before a capitalised word
("Christian Bale").  A mention says that the word occurs: not who wrote the text, and not what it says of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

PEOPLE = frozenset(
    word
    for line in (
        "man men woman women person people guy guys girl girls boy boys kid kids child children baby male males",
        "female females lady ladies gentleman gentlemen teenager teenagers teen teens youth youths youngster",
        "youngsters couple couples family families folk folks community communities audience audiences viewer",
        "viewers character characters actor actors actress actresses cast performer performers comedian comedians",
        "singer singers musician musicians director directors filmmaker filmmakers writer writers artist artists",
        "hero heroes heroine heroines neighbor neighbors neighbour neighbours friend friends student students",
        "teacher teachers cop cops detective detectives soldier soldiers slave slaves father fathers mother",
        "mothers son sons daughter daughters wife wives husband husbands brother brothers sister sisters american",
        "americans",
    )
    for word in line.split()
)
"""Words after which "black" and "white" (and a few others) speak of people."""

LEXICON: dict[str, dict[str, str]] = {
    "gender": {
        "men": (
            "he him his himself man men boy boys guy male males gentleman gentlemen father fathers dad dads husband "
            "husbands son sons brother brothers uncle uncles nephew nephews grandfather grandfathers"
        ),
        "women": (
            "she her hers herself woman women girl girls lady ladies female females gentlewoman mother mothers mom "
            "moms mum mums wife wives daughter daughters sister sisters aunt aunts niece nieces grandmother "
            "grandmothers actress actresses heroine heroines"
        ),
        "transgender": (
            "transgender transgendered transsexual transsexuals trans_woman trans_women trans_man trans_men "
            "trans_people nonbinary non_binary"
        ),
    },
    "race": {
        "white": "white_* whites caucasian caucasians",
        "black": "black_* blacks african_american african_americans",
        "asian": "asian asians",
        "latino": "latino latinos latina latinas latinx hispanic hispanics chicano chicanos chicana chicanas",
        "indigenous": (
            "native_american native_americans american_indian american_indians indigenous_* aboriginal aboriginals"
        ),
        "middle eastern": "arab arabs middle_eastern middle_easterner middle_easterners",
        "pacific islander": "pacific_islander pacific_islanders polynesian polynesians hawaiian hawaiians",
    },
    "religion": {
        "christian": (
            "christian christians christianity catholic catholics catholicism protestant protestants protestantism "
            "evangelical evangelicals baptist baptists methodist methodists"
        ),
        "muslim": "muslim muslims moslem moslems islam islamic",
        "jewish": "jew jews jewish judaism",
        "hindu": "hindu hindus hinduism",
        "buddhist": "buddhist buddhists buddhism",
        "sikh": "sikh sikhs sikhism",
        "mormon": "mormon mormons mormonism",
        "atheist": "atheist atheists atheism atheistic",
    },
}
"""Attribute -> group -> words; ``a_b`` is a phrase, ``a_*`` the word before one of PEOPLE."""
MAJORITY = {"gender": "men", "race": "white", "religion": "christian"}
"""Of each attribute the group that holds most power or numbers where these reviews come from; the others: minority."""
NAMES_TOO = {"christian"}
"""Words that are first names when a capitalised word follows."""
WORD = re.compile(r"[^\W\d_]+")
GAP = re.compile(r"[\s\-\u2010\u2011]+")
"""What may stand between the words of a phrase."""
_Phrases = dict[str, list[tuple[tuple[str, ...], tuple[str, str]]]]


def find_mentions(text: str) -> dict[str, list[str]]:
    """The groups that a text mentions, by attribute; attributes without a mention are left out.

    Beside ``gender``, ``race`` and ``religion`` each has an attribute ``<attribute> status``: ``minority`` where a
    minority group is mentioned (whoever else is), ``majority`` where the majority group alone is.  So these two share
    no text, which groups themselves may.

    Args:
        text: of any length.

    Returns:
        ``{attribute: [groups]}``, groups in the lexicon's order.
    """
    single, phrases = _compile()
    seen = set(WORD.findall(text.casefold()))
    found = {single[word] for word in seen & single.keys() - NAMES_TOO}
    if seen & (phrases.keys() | NAMES_TOO):
        found |= set(_find_in_order(text, single, phrases))
    listed: dict[str, list[str]] = {}
    for attribute, groups in LEXICON.items():
        if mentioned := [group for group in groups if (attribute, group) in found]:
            listed[attribute] = mentioned
    for attribute, mentioned in list(listed.items()):
        alone = mentioned == [MAJORITY[attribute]]
        listed[f"{attribute} status"] = ["majority" if alone else "minority"]
    return listed


def _find_in_order(text: str, single: dict[str, tuple[str, str]], phrases: _Phrases) -> Iterator[tuple[str, str]]:
    """Groups told by phrases, and by words that may be names; only white space or a hyphen joins words."""
    matches = list(WORD.finditer(text))
    words = [match.group().casefold() for match in matches]
    joined = [GAP.fullmatch(text, a.end(), b.start()) is not None for a, b in pairwise(matches)] + [False]
    for at, word in enumerate(words):
        if word in NAMES_TOO:
            after = matches[at + 1].group() if joined[at] else ""
            if not (matches[at].group().istitle() and after[:1].isupper() and after.casefold() not in PEOPLE):
                yield single[word]
        for rest, group in phrases.get(word, ()):
            end = at + len(rest)
            if tuple(words[at + 1 : end + 1]) == rest and all(joined[at:end]):
                yield group


@lru_cache(maxsize=1)
def _compile() -> tuple[dict[str, tuple[str, str]], _Phrases]:
    """Words -> (attribute, group); first word of a phrase -> its other words and (attribute, group)."""
    single: dict[str, tuple[str, str]] = {}
    phrases: _Phrases = {}
    for attribute, groups in LEXICON.items():
        for group, words in groups.items():
            for entry in words.split():
                first, *rest = entry.split("_")
                for ends in [(people,) for people in sorted(PEOPLE)] if rest == ["*"] else [tuple(rest)]:
                    if ends:
                        phrases.setdefault(first, []).append((ends, (attribute, group)))
                    else:
                        single[first] = (attribute, group)
    return single, phrases
