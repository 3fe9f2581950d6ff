"""An lm-eval model that only reads the response store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lm_eval.api.model import LM

from lorafair.engines.tokenizer import apply_chat_template
from lorafair.portion import Portion, restore
from lorafair.responses.request import plan_requests


class ReplayLM(LM):  # type: ignore[misc]
    """Answers lm-eval from stored answers, so that everything right of the responses needs no model.

    Args:
        tokenizer: the base's, for chat templates; may be None where none is applied.
        identity: what the keys hold of checkpoint and engine (see :func:`plan_requests`).
        versions: task name to version.
        seed: the user's seed.
        answers: ``{key: answer}``.
        portion: the documents that are replayed, where they are not all.
        frame: as the requests were planned with.
    """

    def __init__(
        self,
        tokenizer: Any,
        label: str,
        identity: dict[str, Any],
        versions: dict[str, str],
        seed: int,
        answers: Mapping[str, Any],
        portion: Portion | None = None,
        frame: Callable[[Any], tuple[Any, ...]] | None = None,
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self._label, self._identity, self._versions, self._seed = label, identity, versions, seed
        self._answers, self._portion, self._frame = answers, portion, frame

    def _replay(self, requests: Sequence[Any]) -> list[Any]:
        if self._portion is not None:
            requests = restore(requests, self._portion)
        planned = plan_requests(requests, self._label, self._identity, self._versions, self._seed, self._frame)
        return [self._answers[request.key] for request in planned]

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Stored (nats, is_greedy) pairs."""
        return [(float(nats), bool(greedy)) for nats, greedy in self._replay(requests)]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Stored log-probabilities of whole texts, in nats."""
        return [float(nats) for nats in self._replay(requests)]

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Stored texts."""
        return self._replay(requests)

    def next_words(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[list[str]]:
        """Stored word lists."""
        return self._replay(requests)

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval's provenance."""
        return str(getattr(self.tokenizer, "name_or_path", "")).replace("/", "__")

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The tokenizer's chat template, for lm-eval's provenance."""
        return getattr(self.tokenizer, "chat_template", None) if chat_template else None

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The chat as one text, by the tokenizer's template."""
        return apply_chat_template(self.tokenizer, chat_history, add_generation_prompt)
