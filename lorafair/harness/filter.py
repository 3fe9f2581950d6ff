"""A filter for lm_eval: it sees the answers to all documents at once, so that a scorer runs once, in one batch."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from lm_eval.api.filter import Filter
from lm_eval.api.registry import register_filter

from lorafair.errors import LorafairError
from lorafair.registry import load_registry
from lorafair.scoring import score_texts


@register_filter("lorafair_score")
class ScoreFilter(Filter):  # type: ignore[misc]
    """Answers into scores by a scorer of the registry: ``{function: lorafair_score, scorer: profanity}``.

    Args:
        scorer: its name.
        settings: handed to it.

    Raises:
        LorafairError: while the task is loaded, if no scorer has that name.
    """

    def __init__(self, scorer: str, **settings: Any) -> None:
        super().__init__()
        load_registry().get("scorer", scorer)
        self.scorer, self.settings = scorer, settings

    def apply(self, resps: Iterable[Sequence[str]], docs: Sequence[Any]) -> list[list[float | None]]:
        """Scores in the place of answers, one list per document; None where the scorer could not score.

        A scorer that fails gives None for every answer and a message: lm_eval would lose all answers to an exception.

        Args:
            resps: per document its answers, as text.
        """
        answers = [[each] if isinstance(each, str) else list(each) for each in resps]
        texts = [text for each in answers for text in each]
        try:
            found: list[float | None] = list(score_texts(self.scorer, texts, **self.settings))
        except LorafairError as error:
            logging.getLogger(__name__).error(
                "NOT SCORED, none of %d answers: %s The answers are kept; the scores in the table are NaN.",
                len(texts),
                error,
            )
            found = [None] * len(texts)
        scores = iter(found)
        return [[next(scores) for _ in each] for each in answers]
