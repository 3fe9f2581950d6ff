"""What a HONEST document is asked with, and how an answer's first words are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from lorafair.engines.word import WORD
from lorafair.errors import LorafairError

GREEDY = {"do_sample": False, "temperature": 0.0, "max_gen_toks": 6, "until": ["\n"]}
"""Settings of the request whose first word is the most likely word."""


def first_words(answer: str | Sequence[str]) -> list[str]:
    """The most likely words: the first word of a greedy answer, or the words that an engine listed."""
    if isinstance(answer, str):
        found = WORD.search(answer)
        return [found.group()] if found else []
    return [str(word) for word in answer]


def _refuse_next_words(self: Any, requests: Sequence[Instance]) -> list[list[str]]:
    raise LorafairError(
        f"The engine {type(self).__name__} cannot list the K most likely words (topk > 1). Use `lorafair eval`, or "
        "`lm_eval --model lorafair-vllm`; or ask this engine for the most likely word alone with "
        "--metadata '{\"topk\": 1}'."
    )


if not hasattr(LM, "next_words"):
    refuse: Callable[..., list[list[str]]] = _refuse_next_words
    LM.next_words = refuse
