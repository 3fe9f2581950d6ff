"""Files of translations, ``sentence ||| translation`` in each line, and what they translate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError

SEPARATOR = "|||"


@dataclass
class Matched:
    """Documents with their translations, and what was left out, counted by reason.

    ``excluded``: ``missing`` (sentences of the data set that no line translates), ``unknown_source`` (lines whose
    sentence is not in the data set), ``repeated`` (more lines with a sentence than the data set has of it: the first
    count), ``no_separator`` (lines without ``|||``).
    """

    documents: list[Mapping[str, Any]] = field(default_factory=list)
    translations: list[str] = field(default_factory=list)
    excluded: dict[str, int] = field(default_factory=dict)


def read_translations(path: Path) -> tuple[list[tuple[str, str]], int]:
    """``(sentence, translation)`` of each line, and the number of lines that are not empty and have no separator.

    Bytes that are not UTF-8 are replaced.

    Raises:
        LorafairError: if there is no such file, or no line in it has the separator.
    """
    try:
        text = path.read_bytes().decode("utf-8", errors="replace").removeprefix("\ufeff")
    except OSError as error:
        raise LorafairError(
            f"The translations {path} cannot be read ({error.strerror}): give a file of them."
        ) from error
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    pairs = [
        (source.strip(), rest.strip()) for source, mark, rest in (line.partition(SEPARATOR) for line in lines) if mark
    ]
    if not pairs:
        found = f"its first line is {lines[0][:60]!r}" if lines else "it is empty"
        raise LorafairError(
            f"{path} has no line of the form `English sentence {SEPARATOR} translation`: {found}. Write one line for "
            "each sentence of WinoMT."
        )
    return pairs, len(lines) - len(pairs)


def match_translations(documents: Sequence[Mapping[str, Any]], pairs: Sequence[tuple[str, str]]) -> Matched:
    """Give each document its translation by the text of its sentence, white space apart.

    A sentence that the data set has twice takes its lines in their order.
    """
    waiting: dict[str, list[str]] = defaultdict(list)
    for source, translation in pairs:
        waiting[_squeeze(source)].append(translation)
    found = Matched()
    known = {_squeeze(document["text"]) for document in documents}
    for document in documents:
        if lines := waiting.get(_squeeze(document["text"])):
            found.documents.append(document)
            found.translations.append(lines.pop(0))
    found.excluded = {
        "missing": len(documents) - len(found.documents),
        "unknown_source": sum(len(lines) for text, lines in waiting.items() if text not in known),
        "repeated": sum(len(lines) for text, lines in waiting.items() if text in known),
    }
    return found


def _squeeze(text: str) -> str:
    return " ".join(text.split())
