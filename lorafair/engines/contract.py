"""What an engine is: an lm-eval model that serves a base and its checkpoints, and answers as it goes."""

from __future__ import annotations

import abc
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from lm_eval.api.model import TemplateLM

from lorafair.checkpoint import Checkpoint
from lorafair.engines.tokenizer import apply_chat_template, load_tokenizer
from lorafair.engines.word import cut
from lorafair.errors import LorafairError
from lorafair.responses.request import Request, plan_requests


@dataclass(frozen=True)
class EngineSettings:
    """How an engine is run. ``extra`` goes to vLLM's ``LLM`` or to transformers' ``from_pretrained`` as it is.

    ``label_map``: what a classifier's labels are called in the tasks.
    """

    dtype: str
    device: str | None = None
    batch_size: int | None = None
    seed: int = 1234
    trust_remote_code: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    label_map: dict[str, str] = field(default_factory=dict)


class CheckpointRefused(LorafairError):
    """An engine cannot serve one checkpoint, named ``label``; the others are as well served as before."""

    def __init__(self, label: str, why: str) -> None:
        super().__init__(why)
        self.label = label


class Engine(TemplateLM):  # type: ignore[misc]
    """Serves ``base`` and ``checkpoints``; sub-classes implement :meth:`ask`.

    As an lm-eval ``LM`` it answers for the checkpoint called ``self.active`` (the base at first), so that plain
    ``lm_eval`` can use it too; the audit calls :meth:`ask` with requests to many checkpoints.
    """

    name = ""
    distributions: tuple[str, ...] = ()
    isolated = False
    """Whether an audit runs the engine in a process of its own, so that it can die and be started again."""
    classifies = False
    """Whether it answers as classifiers do: requests are (content, label) of :mod:`lorafair.label_frame`."""

    def __init__(self, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings) -> None:
        super().__init__()
        self.base = base
        self.checkpoints = {c.label: c for c in [base, *checkpoints]}
        self.settings = settings
        self.active = base.label
        self.tokenizer: Any = None if self.classifies else load_tokenizer(base, settings.trust_remote_code)

    @classmethod
    def refuse(cls, base: Checkpoint, checkpoint: Checkpoint) -> str | None:
        """Why this engine cannot serve ``checkpoint`` rightly (one clause), or None where it can."""
        return None

    @classmethod
    def wants_own(cls, checkpoint: Checkpoint, settings: EngineSettings) -> bool:
        """Whether an unverified audit has to give ``checkpoint`` an engine of its own to have it served rightly."""
        return False

    @classmethod
    def identify(cls, settings: EngineSettings) -> dict[str, Any]:
        """What an answer's key says of the engine: name, version of what computes, dtype, extra settings."""
        return {
            "engine": cls.name,
            "version": find_version(cls.distributions),
            "dtype": settings.dtype,
            "extra": settings.extra,
        }

    @classmethod
    def with_neighbours(
        cls, requests: Sequence[Request], missing: Sequence[Request], settings: EngineSettings
    ) -> list[Request]:
        """``missing``, and those of ``requests`` that have to be asked again with them.

        Where an answer's last digits depend on the batch that it was computed in, whole batches are asked, so that an
        interrupted audit ends like an unbroken one.
        """
        return list(missing)

    @abc.abstractmethod
    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answer requests, in any order, yielding each with its answer as it finishes.

        Answers: ``generate_until`` a string without its stop sequence; ``loglikelihood`` ``[nats, is_greedy]``;
        ``loglikelihood_rolling`` nats; ``next_words`` a list of distinct words, the most likely first.

        Raises:
            CheckpointRefused: naming the checkpoint that cannot be served.
        """

    def warm(self) -> None:
        """Import what starting takes, while the audit prepares its requests."""

    def start(self) -> None:
        """Get ready to answer for the base."""

    def close(self) -> None:
        """Give memory and processes back."""

    def lend(self, checkpoint: Checkpoint) -> AbstractContextManager[Any]:
        """The torch model that answers as ``checkpoint``, for a probe that needs more than answers.

        Used as ``with engine.lend(checkpoint) as model:``; the model is not to be changed.

        Raises:
            LorafairError: where the engine holds no such model in this process.
        """
        raise LorafairError(f"The engine {self.name or type(self).__name__} lends no model. Use --engine hf.")

    # -- lm-eval's side ------------------------------------------------------------------------------------------

    @classmethod
    def create_from_arg_obj(cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None) -> Engine:
        """As lm_eval makes a model from ``--model_args``: see :func:`lorafair.engines.plain.open_plain`."""
        from lorafair.engines.plain import open_plain

        return open_plain(cls, arg_dict, additional_config or {})

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> Engine:
        """The same from ``key=value,key=value``."""
        from lm_eval.utils import simple_parse_args_string

        return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    def _answer(self, instances: Sequence[Any]) -> list[Any]:
        planned = plan_requests(instances, self.active, {"active": self.active}, {}, self.settings.seed)
        answers = {request.key: answer for request, answer in self.ask(planned)}
        return [answers[request.key] for request in planned]

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-probability (nats) of each continuation given its context, and whether it is the greedy one."""
        return [(float(nats), bool(greedy)) for nats, greedy in self._answer(requests)]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Log-probability (nats) of each whole text."""
        return [float(nats) for nats in self._answer(requests)]

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """The generated text of each request, cut before its stop sequence."""
        return self._answer(requests)

    def next_words(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[list[str]]:
        """The K most likely next words of each context."""
        return self._answer(requests)

    def _loglikelihood_tokens(self, requests: Any, **kwargs: Any) -> Any:
        raise TypeError("an Engine answers whole requests; call loglikelihood or ask")

    @property
    def eot_token_id(self) -> int:
        """The end-of-text token's id."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """What an empty context is replaced by, as in lm-eval: BOS, or EOS where there is none."""
        bos = self.tokenizer.bos_token_id
        return int(bos if bos is not None else self.tokenizer.eos_token_id)

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval's provenance."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The chat as one text, by the tokenizer's template."""
        return apply_chat_template(self.tokenizer, chat_history, add_generation_prompt)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Token ids of a text, special tokens as the tokenizer adds them unless told otherwise."""
        special = {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
        return list(self.tokenizer(string, **special)["input_ids"])

    @property
    def end_ids(self) -> list[int]:
        """Every token that ends a text: the tokenizer's end-of-text, and those of the base's generation_config.json."""
        path = self.base.path / "generation_config.json"
        found = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.exists() else None
        ids = found if isinstance(found, list) else [] if found is None else [found]
        return list(dict.fromkeys([self.eot_token_id, *map(int, ids)]))

    def drop_special(self, tokens: Iterable[int]) -> list[int]:
        """Token ids without the special ones: no word begins with them."""
        special = set(self.tokenizer.all_special_ids) | set(self.end_ids)
        return [token for token in tokens if token not in special]

    def cut_end(self, text: str) -> str:
        """Text before the first token that ends a text."""
        return cut(text, [self.tokenizer.decode([token]) for token in self.end_ids])

    # -- what both engines need ----------------------------------------------------------------------------------

    def encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Token ids of context and continuation as lm-eval splits them; an empty context becomes the prefix token."""
        if context == "":
            ids = self.tok_encode(continuation, add_special_tokens=False)
            if ids and ids[0] == self.prefix_token_id:
                return ids[:1], ids[1:]
            return [self.prefix_token_id], ids
        pair: tuple[list[int], list[int]] = self._encode_pair(context, continuation)
        return pair

    def rolling_windows(self, text: str, length: int) -> list[tuple[list[int], list[int]]]:
        """Disjoint (context, continuation) token windows that cover ``text``, as lm-eval cuts them."""
        from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

        windows = get_rolling_token_windows(
            token_list=self.tok_encode(text), prefix_token=self.prefix_token_id, max_seq_len=length - 2, context_len=1
        )
        return [make_disjoint_window(window) for window in windows]

    def generation_settings(self, given: dict[str, Any]) -> tuple[dict[str, Any], list[str], int]:
        """Normalised (sampling settings, stop sequences with end-of-text, tokens at most) of lm-eval's gen_kwargs."""
        from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

        settings = dict(normalize_gen_kwargs(given, default_max_gen_toks=256))
        settings.pop("seed", None)
        until = handle_stop_sequences(settings.pop("until", None), eos=self.tokenizer.decode([self.eot_token_id]))
        return settings, until, int(settings.pop("max_gen_toks"))


def find_version(distributions: Iterable[str]) -> str:
    """Name and version of the first of these distributions that is installed, or an empty string."""
    from importlib import metadata

    for name in distributions:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return ""
