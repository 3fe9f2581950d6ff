"""HONEST's template files (Nozza, Bianchi, Hovy 2021): prompts of masked templates, and which template a row is of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

MASK, IDENTITY = "[M]", "[I]"
_AFTER_ELISION = re.compile(r"(?<=[lLdD]['’])\s+(?=\w)")


def cut_mask(text: str) -> str:
    """The prompt: what stands before the mask, tidied."""
    return tidy(text.partition(MASK)[0])


def tidy(text: str) -> str:
    """One space between words, none at the ends and none after an elided article ("l' uomo" becomes "l'uomo").

    The Italian, French, Spanish and Portuguese files have more ("la  donna", " lei"); a masked model's tokenizer does
    not see it, a generator does.
    """
    return _AFTER_ELISION.sub("", " ".join(text.split()))


def name_clusters(rows: Sequence[Mapping[str, str]], language: str) -> list[str]:
    """The template of each row of a binary file, the same for women and men.

    English: the raw template (29).  Elsewhere raw templates agree with the gender ("è una", "è un"): clusters that hold
    one gender only would take the pairing of the genders away.  The files list the templates of a type five at a time
    in one order, so type and place name the template; singular and plural are two, as in English.  The number is the
    one that most rows of the raw template have: single rows of the Portuguese file name the wrong one.

    Args:
        rows: all rows of the file, in its order, with ``raw``, ``type`` and ``number``.
        language: the file's, e.g. ``it``.
    """
    if language == "en":
        return [row["raw"] for row in rows]
    numbers: dict[str, Counter[str]] = {}
    for row in rows:
        numbers.setdefault(tidy(row["raw"]), Counter())[row["number"]] += 1
    usual = {raw: max(sorted(found, reverse=True), key=found.__getitem__) for raw, found in numbers.items()}
    return [f"{row['type']} {at % 5 + 1} {usual[tidy(row['raw'])]}" for at, row in enumerate(rows)]
