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
"""Attribute -> group -> words; ``a_b`` is a phrase of two words, ``a_*`` the word before one of PEOPLE."""
MAJORITY = {"gender": "men", "race": "white", "religion": "christian"}
"""Of each attribute the group that holds most power or numbers where these reviews come from; the others: minority."""
NAMES_TOO = {"christian"}
"""Words that are first names when a capitalised word follows."""
WORD = re.compile(r"[^\W\d_]+")
NEXT = re.compile(r"[\s\-\u2010\u2011]+([^\W\d_]+)")
"""The next word, where only white space or hyphens stand before it."""
Group = tuple[str, str]


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
    lower = _lower(text)
    seen = set(WORD.findall(lower))
    found = {single[word] for word in seen & single.keys() - NAMES_TOO}
    for word in seen & (phrases.keys() | NAMES_TOO):
        for start in _find_word(lower, word):
            after = NEXT.match(text, start + len(word))
            following = after[1] if after else ""
            if group := phrases.get(word, {}).get(following.lower()):
                found.add(group)
            if word in NAMES_TOO and not _is_name(text[start : start + len(word)], following):
                found.add(single[word])
    listed: dict[str, list[str]] = {}
    for attribute, groups in LEXICON.items():
        if mentioned := [group for group in groups if (attribute, group) in found]:
            listed[attribute] = mentioned
    for attribute, mentioned in list(listed.items()):
        alone = mentioned == [MAJORITY[attribute]]
        listed[f"{attribute} status"] = ["majority" if alone else "minority"]
    return listed


def _is_name(word: str, following: str) -> bool:
    """Whether a capitalised word is followed by another one that is no word for people."""
    return word.istitle() and following[:1].isupper() and following.lower() not in PEOPLE


def _find_word(lower: str, word: str) -> Iterator[int]:
    """Where a word stands by itself."""
    start = lower.find(word)
    while start >= 0:
        end = start + len(word)
        if not lower[max(start - 1, 0) : start].isalpha() and not lower[end : end + 1].isalpha():
            yield start
        start = lower.find(word, end)


def _lower(text: str) -> str:
    """The text in lower case, letter for letter, so that places in it are places in the text."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(low if len(low := c.lower()) == 1 else c for c in text)


@lru_cache(maxsize=1)
def _compile() -> tuple[dict[str, Group], dict[str, dict[str, Group]]]:
    """Word -> group; and first word of a phrase -> its second word -> group."""
    single: dict[str, Group] = {}
    phrases: dict[str, dict[str, Group]] = {}
    for attribute, groups in LEXICON.items():
        for group, words in groups.items():
            for entry in words.split():
                first, _, second = entry.partition("_")
                for end in PEOPLE if second == "*" else {second} - {""}:
                    phrases.setdefault(first, {})[end] = (attribute, group)
                if not second:
                    single[first] = (attribute, group)
    return single, phrases
