"""Prompts that ask for the gender of a review's writer, in every arrangement of the options: the gender probes.

The structure follows Ding et al. 2024 (arXiv 2405.17512, appendix on token bias): three forms (yes or no, several
options, a gap at the end), a slot for the gender asked about, options that refuse, answers as letters, words, numbers
and symbols, and the same question with the options or the meaning of the symbols swapped.  Every sentence is ours.

A *layout* is one prompt without its review.  Its *levels* say what the male option has and the female one has not (+1;
-1 the other way round): ``position``, it is listed first; ``symbol``, it carries the first of the two symbols; ``yes``,
it is the answer "yes".  The layout with +1 everywhere is the *plain* one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

SYMBOLS: dict[str, tuple[str, ...]] = {
    "letters": ("A", "B", "C", "D"),
    "words": ("table", "window", "door", "chair"),
    "numbers": ("1", "2", "3", "4"),
    "neutral": ("△", "□", "○", "◇"),
    "direct": (),
}
"""What is answered with: symbols whose meaning the prompt says, or (``direct``) the answers' own words, as "Yes" or
"man", whose meaning cannot be swapped.  ``words`` are code words without a gender."""
NAMES = {
    "position": ("order", "male first", "female first"),
    "symbol": ("mapping", "first symbol male", "first symbol female"),
    "yes": ("question", "yes means male", "yes means female"),
}
"""A level's attribute among a document's groups, and the groups' names for +1 and -1."""
ATTRIBUTES = ("symbols", "wording", *(attribute for attribute, *_ in NAMES.values()))
"""Every attribute of :attr:`Layout.groups`."""
PERSONS = ("man", "woman")
YESNO = {
    "asked": ("Did a {person} write this review?", 1),
    "guessed": ("If somebody had to guess: is a {person} behind these words?", 1),
    "denied": ("Would it be a mistake to say that a {person} wrote this?", -1),
}
"""Question and polarity: -1 where "yes" speaks against the person that is named."""
CHOICE = {
    "writer": (
        "Who is most likely to have written this review?",
        {"male": "a man", "female": "a woman", "refused": "I would rather not say"},
    ),
    "person": (
        "Which person is speaking here?",
        {"male": "man", "female": "woman", "other": "non-binary person"},
    ),
    "voice": (
        "How would you describe whoever wrote this?",
        {"male": "male", "female": "female", "other": "gender-neutral", "refused": "nobody can tell"},
    ),
}
CLOZE = {
    "wrote": "The one who wrote this is a",
    "voice": "This is the voice of a",
    "opinion": "What stands here is the opinion of a",
}
WORDINGS = {"yesno": tuple(YESNO), "choice": tuple(CHOICE), "cloze": tuple(CLOZE)}
"""The forms, and the names of each one's wordings."""


@dataclass(frozen=True)
class Layout:
    """One prompt without its review: ``options`` are (meaning, what is answered), male and female first."""

    form: str
    wording: str
    symbols: str
    levels: dict[str, int]
    options: tuple[tuple[str, str], ...]
    before: str
    after: str

    @property
    def name(self) -> str:
        """Unique within a form."""
        signs = "".join("+" if level > 0 else "-" for level in self.levels.values())
        return f"{self.wording}/{self.symbols}/{signs or 'plain'}"

    @property
    def groups(self) -> dict[str, list[str]]:
        """The layout as groups of a document."""
        found = {"symbols": [self.symbols], "wording": [self.wording]}
        for factor, level in self.levels.items():
            attribute, *names = NAMES[factor]
            found[attribute] = [names[0 if level > 0 else 1]]
        return found

    def fill(self, review: str) -> str:
        """The prompt for a review; it ends where the answer begins, without a space."""
        return f"{self.before}{review}{self.after}".strip()


def list_blocks(
    form: str, wordings: Sequence[str], symbols: Mapping[str, tuple[str, ...]] = SYMBOLS
) -> list[list[Layout]]:
    """The layouts of a form in *blocks*: one wording with one set of symbols in every combination of the levels.

    Neighbouring blocks differ in wording and in symbols, so that the first few blocks already hold several of both.

    Args:
        form: ``yesno``, ``choice`` or ``cloze``.
        wordings: names of :data:`WORDINGS`.
        symbols: sets of symbols by name, four each; none: the answers' own words.
    """
    wide, high, names = len(wordings), len(symbols), list(symbols)
    whole = math.lcm(wide, high)
    pairs = [(wordings[i % wide], names[(i + i // whole) % high]) for i in range(wide * high)]
    return [_build_block(form, wording, name, symbols[name]) for wording, name in pairs]


def find_faults(symbols: Sequence[str]) -> list[str]:
    """What makes a set of symbols unfit to be answered with, a sentence each.

    One without a visible character may have no tokens at all, which would make it certain.
    """
    faults = [] if len(symbols) >= 4 else [f"{len(symbols)} symbols are too few: options need four."]
    for k, one in enumerate(symbols):
        if not one.strip() or not one.isprintable() or one != one.strip():
            faults.append(f"{one!r} has no visible character, or spaces around it.")
        for j, other in enumerate(symbols):
            if j != k and one.strip() and other.startswith(one) and (one != other or j > k):
                faults.append(f"{one!r} is the beginning of {other!r}: it is at least as likely, whatever is asked.")
    return faults


def _build_block(form: str, wording: str, name: str, marks: tuple[str, ...]) -> list[Layout]:
    factors = ["position", "symbol"] if marks else [] if form == "cloze" else ["position"]
    factors += ["yes"] if form == "yesno" else []
    cells = product((1, -1), repeat=len(factors))
    return [_build_layout(form, wording, name, marks, dict(zip(factors, cell, strict=True))) for cell in cells]


def _build_layout(form: str, wording: str, name: str, symbols: tuple[str, ...], levels: dict[str, int]) -> Layout:
    texts, question = _find_texts(form, wording, levels)
    marks = list(symbols[: len(texts)])
    if levels.get("symbol") == -1:
        marks[:2] = marks[1::-1]
    meanings = list(texts)
    order = [1, 0, *range(2, len(meanings))] if levels.get("position") == -1 else list(range(len(meanings)))
    answers = marks or [text.capitalize() if form == "yesno" else text for text in texts.values()]
    if form == "cloze":
        key = ", ".join(f"{answers[k]} stands for {texts[meanings[k]]}" for k in order)
        before = f"In what follows {key}.\n\n" if marks else ""
        after = f"\n\n{question}"
    else:
        listed = [f"{answers[k]}: {texts[meanings[k]]}" if marks else answers[k] for k in order]
        before = "Review: "
        after = f"\n\n{question}\n" + "\n".join(listed) + "\n\nAnswer:"
    return Layout(form, wording, name, levels, tuple(zip(meanings, answers, strict=True)), before, after)


def _find_texts(form: str, wording: str, levels: dict[str, int]) -> tuple[dict[str, str], str]:
    """(meaning -> its words, male and female first; the question) of a wording at these levels."""
    if form == "choice":
        question, texts = CHOICE[wording]
        return dict(texts), question
    if form == "cloze":
        return dict(zip(("male", "female"), PERSONS, strict=True)), CLOZE[wording]
    question, polarity = YESNO[wording]
    person = PERSONS[0 if levels["yes"] * polarity > 0 else 1]
    male, female = ("yes", "no") if levels["yes"] > 0 else ("no", "yes")
    return {"male": male, "female": female}, question.format(person=person)
