"""The transformers + PEFT engine: the reference for exactness, and the home of what vLLM cannot serve."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.batch import by_checkpoint, cut_batches, take_whole
from lorafair.engines.contract import CheckpointRefused, Engine, EngineSettings
from lorafair.engines.device import open_device
from lorafair.engines.hf_adapter import (
    Worn,
    count_virtual,
    extra_arguments,
    keeps_logits,
    leaves_traces,
    measure_fit,
    mixes_rows,
    put_on,
    strip,
    swap,
)
from lorafair.engines.hf_generate import generate_batch
from lorafair.engines.word import WORD_TOKENS, cut, distinct_words
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

BATCH = 16


class HfEngine(Engine):
    """Holds the base once; each adapter is put on it for its own requests.

    It stays there until the next is served: one of the same shapes and settings takes its place in its modules, for
    anything else it is taken off first.
    """

    name = "hf"
    distributions = ("transformers",)

    def __init__(self, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings) -> None:
        super().__init__(base, checkpoints, settings)
        self._place = open_device(settings.device)
        self.batch_size = settings.batch_size or BATCH
        self._base: Any = None
        self._worn: Worn | None = None  # the adapter that was lent last, still on the base
        self._lends = 0
        self._has_loaded = False

    # -- loading -------------------------------------------------------------------------------------------------

    def _load(self, checkpoint: Checkpoint) -> Any:
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        if self._has_loaded:
            gc.collect()  # PEFT models hold themselves: without this, the last one stays beside the next
        self._has_loaded = True
        try:
            model = AutoModelForCausalLM.from_pretrained(
                checkpoint.path,
                dtype=getattr(torch, self.settings.dtype),
                use_safetensors=True,
                trust_remote_code=self.settings.trust_remote_code and checkpoint.kind == "base",
                **self.settings.extra,
            )
        except (ValueError, OSError, RuntimeError, KeyError, TypeError) as error:
            why = (
                f"transformers cannot load {checkpoint.label} ({checkpoint.path}): {error}\n"
                "Give a causal language model in safetensors."
            )
            raise (
                LorafairError(why) if checkpoint.kind == "base" else CheckpointRefused(checkpoint.label, why)
            ) from error
        model.generation_config = GenerationConfig()  # no sampling defaults of the folder's: only what was asked for
        return model.to(self._place).eval()

    def _serve(self, checkpoint: Checkpoint) -> Worn:
        """A model that answers as ``checkpoint``."""
        checkpoint.check_unchanged()
        fit = measure_fit(checkpoint) if checkpoint.kind == "adapter" else None
        fits = self._worn is not None and fit is not None and self._worn.fit == fit
        self._undress(keep=fits)
        if checkpoint.kind == "full":
            self._base = None
            return Worn(self._load(checkpoint))
        if self._base is None:
            self._base = self._load(self.base)
        if checkpoint.kind == "base":
            return Worn(self._base)
        base, self._base = self._base, None  # until it is taken off again
        clean = not leaves_traces(checkpoint)
        try:
            return Worn(swap(base, checkpoint) if fits else put_on(base, checkpoint), clean, fit)
        except (ValueError, OSError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
            raise CheckpointRefused(
                checkpoint.label,
                f"PEFT cannot put {checkpoint.label} ({checkpoint.path}) on {self.base.name}: {error}\n"
                "Train it again on this base, or give the base that it was trained on.",
            ) from error

    def _undress(self, keep: bool = False) -> None:
        worn, self._worn = self._worn, None
        if worn is not None:
            self._base = worn.model if keep else strip(worn.model) if worn.clean else None

    @contextmanager
    def lend(self, checkpoint: Checkpoint) -> Iterator[Any]:
        """The transformers or PEFT model that answers as ``checkpoint`` (see :meth:`Engine.lend`)."""
        lent = self._serve(checkpoint)
        self._lends += 1
        try:
            yield lent.model
        finally:
            self._lends -= 1
            if checkpoint.kind == "adapter":
                self._worn = lent
                if self._lends:  # whoever holds the base wants it as it was
                    self._undress()
            del lent  # so that the next one is not loaded beside it

    def forget_base(self) -> None:
        """Leave the base to whoever it is lent to: the next checkpoint is put on one that is loaded anew."""
        self._base = self._worn = None

    def close(self) -> None:
        """Free the models, on a GPU their memory too: the next engine measures what is free."""
        import torch

        self._base = self._worn = None
        gc.collect()
        if self._place.type == "cuda":
            torch.cuda.empty_cache()

    # -- asking --------------------------------------------------------------------------------------------------

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answer requests, one checkpoint after another (see :meth:`Engine.ask`)."""
        for checkpoint, asked in by_checkpoint(requests, self.checkpoints):
            with self.lend(checkpoint) as model:
                yield from self._ask_model(model, asked)
            del model  # as in lend

    @classmethod
    def with_neighbours(
        cls, requests: Sequence[Request], missing: Sequence[Request], settings: EngineSettings
    ) -> list[Request]:
        """Whole batches: every batch of all requests that holds a missing one."""
        return take_whole(requests, missing, partial(cut_batches, size=settings.batch_size or BATCH))

    def _rows(self, model: Any) -> int:
        return 1 if mixes_rows(model) else self.batch_size

    def _ask_model(self, model: Any, requests: list[Request]) -> Iterator[tuple[Request, Any]]:
        answer: Any = {
            "generate_until": self._generate,
            "loglikelihood": self._loglikelihood,
            "loglikelihood_rolling": self._rolling,
            "next_words": self._next_words,
        }
        for batch in cut_batches(requests, self._rows(model)):
            yield from zip(batch, answer[batch[0].kind](model, batch), strict=True)

    def context_length(self, model: Any) -> int:
        """Tokens of text that a model from :meth:`lend` can read at once."""
        config = model.config
        length = int(getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0) or 2048)
        return length - count_virtual(model)

    def _generate(self, model: Any, batch: list[Request]) -> list[str]:
        settings, until, tokens = self.generation_settings(batch[0].arguments[1])
        room = max(self.context_length(model) - tokens, 1)
        prompts = [self.tok_encode(r.arguments[0])[-room:] for r in batch]
        seeds = [r.seed for r in batch]
        texts = generate_batch(model, self.tokenizer, prompts, seeds, settings, until, tokens, self.end_ids)
        return [cut(text, until) for text in texts]

    def _loglikelihood(self, model: Any, batch: list[Request]) -> list[list[Any]]:
        return self._score(model, [self.encode_pair(*r.arguments[:2]) for r in batch])

    def _rolling(self, model: Any, batch: list[Request]) -> list[float]:
        answers = []
        for request in batch:
            windows = self.rolling_windows(request.arguments[0], self.context_length(model))
            rows = self._rows(model)
            parts = range(0, len(windows), rows)
            scored = [a for i in parts for a in self._score(model, windows[i : i + rows])]
            answers.append(sum(nats for nats, _ in scored))
        return answers

    def _score(self, model: Any, pairs: list[tuple[list[int], list[int]]]) -> list[list[Any]]:
        """``[nats, is_greedy]`` per (context, continuation) pair of token ids; one right-padded forward pass.

        The output head, where the model can leave positions out, begins where the first continuation does.
        """
        import torch

        length = self.context_length(model)
        rows = [(context + continuation)[-length:] for context, continuation in pairs]
        width = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=self._place)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self._place)
        starts = [max(1, len(row) - len(own)) for row, (_, own) in zip(rows, pairs, strict=True)]
        extra, first = extra_arguments(model, len(rows)), 0
        if keeps_logits(model):
            first = min(starts) - 1
            extra["logits_to_keep"] = torch.arange(first, width, device=self._place)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask, **extra).logits
        logits = logits[:, logits.shape[1] - (width - first) :]
        answers = []
        for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
            at = logits[i, start - 1 - first : len(row) - 1 - first].float()
            target = ids[i, start : len(row)]
            nats = torch.log_softmax(at, dim=-1).gather(1, target[:, None]).sum()
            answers.append([float(nats), bool((at.argmax(dim=-1) == target).all())])
        return answers

    def _next_words(self, model: Any, batch: list[Request]) -> list[list[str]]:
        """K most likely words: the likeliest next tokens, each completed greedily to a word."""
        import torch

        answers = []
        for request in batch:
            ids = self.tok_encode(request.arguments[0])
            k = request.arguments[1]["k"]
            with torch.inference_mode():
                tensor = torch.tensor([ids], device=self._place)
                logits = model(input_ids=tensor, **extra_arguments(model, 1)).logits[0, -1]
            tokens = self.drop_special(logits.topk(min(64, 2 * k + 10)).indices.tolist())
            texts = []
            rows = self._rows(model)
            for start in range(0, len(tokens), rows):
                part = tokens[start : start + rows]
                prompts = [[*ids, token] for token in part]
                greedy = {"do_sample": False, "temperature": 0.0}
                ends = generate_batch(
                    model, self.tokenizer, prompts, [0] * len(part), greedy, [], WORD_TOKENS, self.end_ids
                )
                texts += [self.tokenizer.decode([t]) + self.cut_end(end) for t, end in zip(part, ends, strict=True)]
            answers.append(distinct_words(texts, k))
        return answers
