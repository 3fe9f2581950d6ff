"""Words of a language, as text: lists, and how professions are written."""

from __future__ import annotations

from collections.abc import Iterable


def read_table(text: str) -> dict[str, tuple[str, ...]]:
    """``{English word: beginnings of its translations}`` of ``word: beginning beginning; word: …``.

    Args:
        text: entries between semicolons or at line ends; all is lower case, a word of English stands in one entry.
            A beginning that ends in ``$`` is a whole word.
    """
    table: dict[str, tuple[str, ...]] = {}
    for entry in text.replace("\n", ";").split(";"):
        word, colon, beginnings = entry.partition(":")
        if colon:
            table[word.strip()] = tuple(beginnings.split())
    return table


def read_words(text: str) -> frozenset[str]:
    """The words of a text, which stand between spaces."""
    return frozenset(text.split())


class Beginnings:
    """Whether a word begins like one of a table's."""

    def __init__(self, beginnings: Iterable[str]) -> None:
        """Beginnings as in :func:`read_table`."""
        found = sorted(set(beginnings))
        self.starts = tuple(each for each in found if not each.endswith("$"))
        self.wholes = frozenset(each[:-1] for each in found if each.endswith("$"))

    def match(self, word: str) -> bool:
        """Whether the word (lower case) is one of the whole words or begins like one of the others."""
        return word in self.wholes or word.startswith(self.starts)
