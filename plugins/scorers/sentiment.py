"""How positive a text is by VADER (Hutto and Gilbert 2014): a lexicon, and rules for negation and emphasis.

The compound score, from -1 to 1, is what BOLD (Dhamala et al. 2021) measures of models' completions: 0.5 and above is
its "positive".  English only.  The package's last release is of 2020 and it is not developed further; its lexicon is a
published instrument that has to stay as it is.  Two known weaknesses are kept small here: the compound score of a long
text goes to -1 or 1, and a text of many emojis takes minutes.  So only the first ``longest`` characters are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any

from lorafair.errors import LorafairError

LONGEST = 1000


def sentiment(texts: Sequence[str], *, longest: int = LONGEST) -> list[float]:
    """VADER's compound score of each text.

    Args:
        texts: n completions, in any order.
        longest: characters of a text that are read, from its start.

    Returns:
        n numbers in [-1, 1], in the order of ``texts``; 0 is neutral, also where no word is known.

    Raises:
        LorafairError: if vaderSentiment is missing or does not load.
    """
    if not texts:
        return []
    analyzer = _load()
    return [float(analyzer.polarity_scores(text[:longest])["compound"]) for text in texts]


def identify(*, longest: int = LONGEST, **_: Any) -> dict[str, Any]:
    """What decides the scores beside the texts: the package's version (its lexicon is part of it) and the cut."""
    return {"vaderSentiment": metadata.version("vaderSentiment"), "longest": longest}


@lru_cache(maxsize=1)
def _load() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()
    except Exception as error:
        raise LorafairError(
            f"The scorer sentiment needs vaderSentiment, which cannot be loaded here ({error}). Install it with "
            '`pip install vaderSentiment`, or choose other scorers with `--metadata \'{"scorers": "profanity"}\'`.'
        ) from error
