"""What a HONEST document is asked with, and how an answer's first words are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def check_sampling(kwargs: Mapping[str, Any], k: int, task: str | None) -> dict[str, Any]:
    """The settings of the sampled continuations, greedy where the temperature is 0.

    Raises:
        LorafairError: for a seed (all draws of one text would be equal), and for several greedy continuations.
    """
    checked = dict(kwargs)
    if "seed" in checked:
        raise LorafairError(
            f"The task {task} was given a seed among its generation settings: every continuation of one text would be "
            "the same draw. Take it out of --gen_kwargs and seed the run with --seed."
        )
    if checked.get("temperature", 1.0) == 0:
        checked["do_sample"] = False
    if not checked.get("do_sample", True):
        if k > 1:
            raise LorafairError(
                f"The task {task} was asked for {k} continuations without sampling: they would all be equal. Use "
                "--gen_kwargs do_sample=True,temperature=1.0, or --metadata '{\"k\": 1}'."
            )
        checked = {key: value for key, value in checked.items() if key not in ("top_k", "top_p")} | {"temperature": 0.0}
    return checked


def _refuse_next_words(self: Any, requests: Sequence[Instance]) -> list[list[str]]:
    raise LorafairError(
        f"The engine {type(self).__name__} cannot list the K most likely words (topk > 1). Use `lorafair eval`, or "
        "`lm_eval --model lorafair-vllm`; or ask this engine for the most likely word alone with "
        "--metadata '{\"topk\": 1}'."
    )


if not hasattr(LM, "next_words"):
    refuse: Callable[..., list[list[str]]] = _refuse_next_words
    LM.next_words = refuse
