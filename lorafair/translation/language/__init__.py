"""Languages that translations are judged in, one file each, imported when a translation into it is judged.

A file ``<code>.py`` has:

- ``read_gender(tokens, positions) -> "male" | "female" | "neutral" | "unknown"``: the grammatical gender of the words
  at ``positions`` of ``tokens`` (:func:`lorafair.translation.token.split_tokens`).  The positions are those that the
  entity and its article in the English sentence are linked to, the article's first, each once; the tokens around them
  may be looked at.  Where there are none (nothing is linked), the file says what the language's convention is.
- ``PROFESSIONS``: English word, lower case ("worker" and "construction" apart) -> how the words that translate it
  begin, lower case, either gender, without the article (``"nurse": ("enfermer",)``; ``"ama$"`` is a whole word).  They
  help to find the entity where there are few sentences to learn from; a word that is not in the table is found too.
- optionally ``tokenise(text) -> tokens`` in place of ``split_tokens``, and ``fold(token) -> word`` in place of
  ``fold_token``: what a token is counted as when words are linked (without prefixed articles and the like).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lorafair.errors import LorafairError, did_you_mean
from lorafair.translation.token import fold_token, split_tokens

Gender = Literal["male", "female", "neutral", "unknown"]
GENDERS: tuple[Gender, ...] = ("male", "female", "neutral", "unknown")
LANGUAGES = {
    "es": ("Spanish", "LATIN"),
    "fr": ("French", "LATIN"),
    "it": ("Italian", "LATIN"),
    "de": ("German", "LATIN"),
    "ru": ("Russian", "CYRILLIC"),
    "uk": ("Ukrainian", "CYRILLIC"),
    "he": ("Hebrew", "HEBREW"),
    "ar": ("Arabic", "ARABIC"),
}
"""Code -> English name, and the script as Unicode's character names begin."""


@dataclass(frozen=True)
class Language:
    """A language as its file describes it."""

    code: str
    name: str
    script: str
    tokenise: Callable[[str], list[str]]
    fold: Callable[[str], str]
    read_gender: Callable[[Sequence[str], Sequence[int]], Gender]
    professions: Mapping[str, tuple[str, ...]]


def load_language(code: str) -> Language:
    """The language with that code (ISO 639-1, lower case).

    Raises:
        LorafairError: for a code that is not in the table.
    """
    if code not in LANGUAGES:
        named = {name.lower(): known for known, (name, _) in LANGUAGES.items()}
        hint = f" Did you mean {named[code.lower()]!r}?" if code.lower() in named else did_you_mean(code, LANGUAGES)
        raise LorafairError(f"Translations into {code!r} cannot be judged.{hint} Codes: {', '.join(LANGUAGES)}.")
    name, script = LANGUAGES[code]
    found = importlib.import_module(f"{__name__}.{code}")
    return Language(
        code,
        name,
        script,
        getattr(found, "tokenise", split_tokens),
        getattr(found, "fold", fold_token),
        found.read_gender,
        dict(found.PROFESSIONS),
    )
