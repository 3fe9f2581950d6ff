"""BLEU by sacrebleu (Post 2018), lower case, several references a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any


def corpus_bleu(texts: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU of a whole set of translations, 0 to 100; NaN for none.

    Args:
        texts: translations.
        references: of each translation, as many for each.
    """
    if not texts:
        return float("nan")
    columns = [list(column) for column in zip(*references, strict=True)]
    return float(_load(effective=False).corpus_score(list(texts), columns).score)


def sentence_bleu(text: str, references: Sequence[str]) -> float:
    """BLEU of one translation, 0 to 100, orders without a match left out (sacrebleu's ``use_effective_order``).

    Its mean over sentences is not the BLEU of the set; it is a number that a sentence has, so that it can be compared
    by group and resampled.
    """
    return float(_load(effective=True).sentence_score(text, list(references)).score)


def aggregate_bleu(items: Iterable[tuple[str, Sequence[str]]]) -> float:
    """:func:`corpus_bleu` of (translation, references) pairs: lm-eval's aggregation."""
    found = list(items)
    return corpus_bleu([text for text, _ in found], [references for _, references in found])


def describe_bleu() -> str:
    """sacrebleu's version and settings, for provenance."""
    from sacrebleu import __version__

    return f"sacrebleu {__version__}, 13a, exp, lower case, references swapped by gender"


@lru_cache(maxsize=2)
def _load(effective: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(lowercase=True, effective_order=effective)
