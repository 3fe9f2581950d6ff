"""BLEU by sacrebleu (Post 2018), lower case, several references a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

ORDERS = 4


class Counted(NamedTuple):
    """One translation's BLEU (0 to 100) and the numbers whose sums over translations give that of them all.

    ``sums``: matching n-grams of each order from 1 to 4, n-grams of each order, its length and the nearest reference's.
    """

    score: float
    sums: tuple[int, ...]


def count_bleu(text: str, references: Sequence[str]) -> Counted:
    """BLEU of one translation, orders without an n-gram left out (sacrebleu's ``use_effective_order``).

    The mean of such scores is not the BLEU of a set; it is a number that a sentence has, so that it can be compared by
    group and resampled.
    """
    found = _load().sentence_score(text, list(references))
    return Counted(float(found.score), (*found.counts, *found.totals, found.sys_len, found.ref_len))


def sum_bleu(sums: Iterable[Sequence[int]]) -> float:
    """BLEU of a whole set of translations, 0 to 100; NaN for none. sacrebleu's ``corpus_score``.

    Args:
        sums: each translation's (:class:`Counted`).
    """
    columns = [sum(column) for column in zip(*sums, strict=True)]
    if not columns:
        return float("nan")
    matches, ngrams, (length, nearest) = columns[:ORDERS], columns[ORDERS : 2 * ORDERS], columns[2 * ORDERS :]
    return float(_load().compute_bleu(matches, ngrams, length, nearest, smooth_method="exp").score)


def describe_bleu() -> str:
    """sacrebleu's version and settings, for provenance."""
    from sacrebleu import __version__

    return f"sacrebleu {__version__}, 13a, exp, lower case, references swapped by gender"


@lru_cache(maxsize=1)
def _load() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(lowercase=True, effective_order=True)
