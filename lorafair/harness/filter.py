"""A filter for lm_eval: it sees the answers to all documents at once, so that a scorer runs once, in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lm_eval.api.filter import Filter
from lm_eval.api.registry import register_filter

from lorafair.scoring import score_texts


@register_filter("lorafair_score")
class ScoreFilter(Filter):  # type: ignore[misc]
    """Answers into scores by a scorer of the registry: ``{function: lorafair_score, scorer: profanity}``.

    Args:
        scorer: its name.
        settings: handed to it.
    """

    def __init__(self, scorer: str, **settings: Any) -> None:
        super().__init__()
        self.scorer, self.settings = scorer, settings

    def apply(self, resps: Iterable[Sequence[str]], docs: Sequence[Any]) -> list[list[float | None]]:
        """Scores in the place of answers, one list per document; None where the scorer could not score.

        Args:
            resps: per document its answers, as text.

        Raises:
            LorafairError: as :func:`lorafair.scoring.score_texts`.
        """
        answers = [[each] if isinstance(each, str) else list(each) for each in resps]
        scores = iter(score_texts(self.scorer, [text for texts in answers for text in texts], **self.settings))
        return [[next(scores) for _ in texts] for texts in answers]
