"""Which prompts a reader should be asked before being shown."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.errors import LorafairError
from lorafair.isolation import is_built_in
from lorafair.registry import load_registry, load_target
from lorafair.scoring import THRESHOLD

SCORER = "profanity"


def find_toxic(prompts: Sequence[str], told: Sequence[bool]) -> list[bool]:
    """Whether each prompt is hidden: its document says that it is toxic, or the built-in scorer gives it 0.5 or more.

    Where that scorer cannot be used every prompt is: nobody looked at them.

    Args:
        prompts: n texts.
        told: (n,) what their documents say.
    """
    if not prompts:
        return []
    entry = load_registry().get("scorer", SCORER)
    try:
        scores = load_target(entry)(list(prompts)) if is_built_in(entry) else None
    except LorafairError:
        scores = None
    if scores is None:
        return [True] * len(prompts)
    return [said or score >= THRESHOLD for said, score in zip(told, scores, strict=True)]
