"""The wordings in which a text is put to a generator: the same question with other words and other answers.

A generator's answer depends on the wording, and on the answers' own tokens (Ding et al. 2024 call the latter token
bias), so a text is asked in several, and a number is told per wording and over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lorafair.data.document_set import Document, draw_coin
from lorafair.errors import LorafairError

TEXT, FIRST, SECOND = "{text}", "{first}", "{second}"
LETTERS = ("A", "B")
PLAIN = "plain"
"""The name of no wording at all: the text by itself, and the classes' names."""


@dataclass(frozen=True)
class Wording:
    """One wording: the prompt, with ``{text}`` in it once, and what is answered for each class, in the classes' order.

    Where the prompt has ``{first}`` and ``{second}``, ``choices`` are two statements listed under letters, and the
    answers are the letters: which statement comes first is drawn once for each text, so that a model that prefers a
    letter to the other gains nothing on average, in any group.

    Raises:
        LorafairError: for answers that are empty or equal, or a prompt without its places.
    """

    name: str
    prompt: str
    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        faults = []
        if not all(choice.strip() for choice in self.choices) or len({c.strip() for c in self.choices}) < 2:
            faults.append("two answers or more are needed, none of them empty and no two the same")
        if self.prompt.count(TEXT) != 1 or self.lettered and (SECOND not in self.prompt or len(self.choices) != 2):
            faults.append(f"the prompt needs {TEXT} once, and with {FIRST} also {SECOND} and two statements")
        if faults:
            raise LorafairError(f"The wording {self.name!r}: {'; '.join(faults)}.")

    @property
    def lettered(self) -> bool:
        """Whether the answers are letters of listed statements."""
        return FIRST in self.prompt

    def list_choices(self, document: Mapping[str, Any]) -> list[str]:
        """The answers that are compared, in the classes' order."""
        if not self.lettered:
            return list(self.choices)
        return list(reversed(LETTERS)) if self._is_swapped(document) else list(LETTERS)

    def ask(self, document: Mapping[str, Any]) -> str:
        """The prompt about a document's ``text``, which is put in just as it is."""
        head, tail = self.prompt.split(TEXT)
        if self.lettered:
            first, second = reversed(self.choices) if self._is_swapped(document) else self.choices
            head, tail = (part.replace(FIRST, first).replace(SECOND, second) for part in (head, tail))
        return f"{head}{document['text']}{tail}"

    @staticmethod
    def _is_swapped(document: Mapping[str, Any]) -> bool:
        return draw_coin(str(document["cluster"]))


def word_plainly(classes: Sequence[str]) -> Wording:
    """The wording that adds nothing to a text, which is what a classifier reads: the answers are the classes."""
    return Wording(PLAIN, TEXT, tuple(classes))


def ask_in_wordings(documents: Iterable[Document], wordings: Sequence[Wording]) -> list[Document]:
    """Each document once per wording, those of one document beside each other.

    A copy has the wording's ``choices`` and name, an ``id`` of its own, and, where there are several wordings, the
    group ``wording=<name>``.  All copies have the document's ``cluster``: so the mean over all of them is the average
    over wordings, and its interval counts documents, not answers.  Twins are twins within one wording.
    """
    several = len(wordings) > 1
    found = []
    for document in documents:
        for wording in wordings:
            copy = {
                **document,
                "id": f"{document['id']}:{wording.name}",
                "wording": wording.name,
                "choices": wording.list_choices(document),
            }
            if several:
                copy["groups"] = {**document["groups"], "wording": [wording.name]}
            if "pair" in document:
                copy["pair"] = f"{document['pair']}:{wording.name}"
            found.append(copy)
    return found
