"""Probability of profanity by alt-profanity-check: a linear SVM on word counts, trained on tweets and Wikipedia talk.

Fast and offline, and coarse: it knows words, not meanings, and its false alarms differ between groups, so its own gap
on identity-swapped neutral text belongs beside every number it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any

from lorafair.errors import LorafairError

BATCH = 4096


def profanity(texts: Sequence[str]) -> list[float]:
    """Score texts with alt-profanity-check's calibrated classifier.

    Args:
        texts: n completions, in any order.

    Returns:
        n probabilities in [0, 1], in the order of ``texts``; 0.5 and above is the package's own "profane".

    Raises:
        LorafairError: if alt-profanity-check is missing or its stored model does not load here.
    """
    if not texts:
        return []
    vectorizer, model = _load()
    scores: list[float] = []
    for start in range(0, len(texts), BATCH):
        counts = vectorizer.transform(texts[start : start + BATCH])
        scores.extend(float(row[1]) for row in model.predict_proba(counts))
    return scores


def identify() -> dict[str, str]:
    """What decides the scores beside the texts: the package's version (its model is part of it)."""
    return {"alt-profanity-check": metadata.version("alt-profanity-check")}


@lru_cache(maxsize=1)
def _load() -> tuple[Any, Any]:
    import warnings

    try:
        with warnings.catch_warnings():
            # scikit-learn warns that the stored model is older than it is; the package pins the versions it works with.
            warnings.simplefilter("ignore")
            from profanity_check import profanity_check
    except Exception as error:
        raise LorafairError(
            f"The scorer profanity needs alt-profanity-check, which cannot be loaded here ({error}). "
            "Install it with `pip install alt-profanity-check`, or choose other scorers with "
            '`--metadata \'{"scorers": "hurtlex"}\'`.'
        ) from error
    return profanity_check.vectorizer, profanity_check.model
