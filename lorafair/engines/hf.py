"""The transformers + PEFT engine: the reference for exactness, and the home of what vLLM cannot serve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import WORD_TOKENS, Engine, EngineSettings, cut, distinct_words
from lorafair.engines.hf_generate import generate_batch
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

BATCH = 16


class HfEngine(Engine):
    """Holds the base once; each adapter is put on it for its own requests and taken off again."""

    name = "hf"
    distributions = ("transformers",)

    def __init__(self, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings) -> None:
        super().__init__(base, checkpoints, settings)
        import torch

        try:
            self._place = torch.device(settings.device or ("cuda" if torch.cuda.is_available() else "cpu"))
            torch.empty(1, device=self._place)
        except (RuntimeError, AssertionError) as error:
            raise LorafairError(f"--device {settings.device}: {error}. Leave it out, or name cpu.") from error
        self.batch_size = settings.batch_size or BATCH
        self._base: Any = None

    # -- loading -------------------------------------------------------------------------------------------------

    def _load(self, checkpoint: Checkpoint) -> Any:
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        try:
            model = AutoModelForCausalLM.from_pretrained(
                checkpoint.path,
                dtype=getattr(torch, self.settings.dtype),
                use_safetensors=True,
                trust_remote_code=self.settings.trust_remote_code and checkpoint.kind == "base",
                **self.settings.extra,
            )
        except (ValueError, OSError, RuntimeError, KeyError, TypeError) as error:
            raise LorafairError(
                f"transformers cannot load {checkpoint.label} ({checkpoint.path}): {error}\n"
                "Give a causal language model in safetensors."
            ) from error
        model.generation_config = GenerationConfig()  # no sampling defaults of the folder's: only what was asked for
        return model.to(self._place).eval()

    def _serve(self, checkpoint: Checkpoint) -> Any:
        """A model that answers as ``checkpoint``; give it back with :meth:`_release`."""
        if checkpoint.kind == "full":
            self._base = None
            return self._load(checkpoint)
        if self._base is None:
            self._base = self._load(self.base)
        if checkpoint.kind == "base":
            return self._base
        from peft import PeftModel

        try:
            model = PeftModel.from_pretrained(self._base, str(checkpoint.path))
        except (ValueError, OSError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            self._base = None
            raise LorafairError(
                f"PEFT cannot put {checkpoint.label} ({checkpoint.path}) on {self.base.name}: {error}\n"
                "Train it again on this base, or give the base that it was trained on."
            ) from error
        return model.eval()

    def _release(self, checkpoint: Checkpoint, model: Any) -> None:
        if checkpoint.kind != "adapter":
            return
        if leaves_traces(checkpoint.config):
            self._base = None
            return
        if hasattr(model.base_model, "unload"):
            self._base = model.unload()
        else:
            self._base = model.get_base_model()
        if hasattr(self._base, "peft_config"):
            del self._base.peft_config

    def close(self) -> None:
        """Free the models."""
        self._base = None

    # -- asking --------------------------------------------------------------------------------------------------

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answer requests, one checkpoint after another (see :meth:`Engine.ask`)."""
        by_checkpoint: dict[str, list[Request]] = defaultdict(list)
        for request in requests:
            by_checkpoint[request.checkpoint].append(request)
        order = {"base": 0, "adapter": 1, "full": 2}
        for label in sorted(by_checkpoint, key=lambda name: order[self.checkpoints[name].kind]):
            checkpoint = self.checkpoints[label]
            model = self._serve(checkpoint)
            try:
                yield from self._ask_model(model, by_checkpoint[label])
            finally:
                self._release(checkpoint, model)

    def _ask_model(self, model: Any, requests: list[Request]) -> Iterator[tuple[Request, Any]]:
        groups: dict[str, list[Request]] = defaultdict(list)
        for request in requests:
            settings = repr(request.arguments[1]) if request.kind in ("generate_until", "next_words") else ""
            groups[f"{request.kind} {settings}"].append(request)
        for group in groups.values():
            group.sort(key=lambda r: (-len(str(r.arguments[0])), str(r.arguments)))
            answer: Any = {
                "generate_until": self._generate,
                "loglikelihood": self._loglikelihood,
                "loglikelihood_rolling": self._rolling,
                "next_words": self._next_words,
            }[group[0].kind]
            for start in range(0, len(group), self.batch_size):
                batch = group[start : start + self.batch_size]
                yield from zip(batch, answer(model, batch), strict=True)

    def _context_length(self, model: Any) -> int:
        config = model.config
        return int(getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0) or 2048)

    def _generate(self, model: Any, batch: list[Request]) -> list[str]:
        settings, until, tokens = self.generation_settings(batch[0].arguments[1])
        room = max(self._context_length(model) - tokens, 1)
        prompts = [self.tok_encode(r.arguments[0])[-room:] for r in batch]
        seeds = [r.seed for r in batch]
        texts = generate_batch(model, self.tokenizer, prompts, seeds, settings, until, tokens, self.end_ids)
        return [cut(text, until) for text in texts]

    def _loglikelihood(self, model: Any, batch: list[Request]) -> list[list[Any]]:
        return self._score(model, [self.encode_pair(*r.arguments[:2]) for r in batch])

    def _rolling(self, model: Any, batch: list[Request]) -> list[float]:
        answers = []
        for request in batch:
            windows = self.rolling_windows(request.arguments[0], self._context_length(model))
            parts = range(0, len(windows), self.batch_size)
            scored = [a for i in parts for a in self._score(model, windows[i : i + self.batch_size])]
            answers.append(sum(nats for nats, _ in scored))
        return answers

    def _score(self, model: Any, pairs: list[tuple[list[int], list[int]]]) -> list[list[Any]]:
        """``[nats, is_greedy]`` per (context, continuation) pair of token ids; one right-padded forward pass."""
        import torch

        length = self._context_length(model)
        rows = [(context + continuation)[-length:] for context, continuation in pairs]
        width = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=self._place)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self._place)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask).logits
        logits = logits[:, logits.shape[1] - width :]
        answers = []
        for i, (row, (_, continuation)) in enumerate(zip(rows, pairs, strict=True)):
            start = max(1, len(row) - len(continuation))
            at = logits[i, start - 1 : len(row) - 1].float()
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
                logits = model(input_ids=torch.tensor([ids], device=self._place)).logits[0, -1]
            tokens = self.drop_special(logits.topk(min(64, 2 * k + 10)).indices.tolist())
            texts = []
            for start in range(0, len(tokens), self.batch_size):
                part = tokens[start : start + self.batch_size]
                prompts = [[*ids, token] for token in part]
                greedy = {"do_sample": False, "temperature": 0.0}
                ends = generate_batch(
                    model, self.tokenizer, prompts, [0] * len(part), greedy, [], WORD_TOKENS, self.end_ids
                )
                texts += [self.tokenizer.decode([t]) + self.cut_end(end) for t, end in zip(part, ends, strict=True)]
            answers.append(distinct_words(texts, k))
        return answers


def leaves_traces(config: dict[str, Any]) -> bool:
    """Whether PEFT changes the base's own weights when it loads such an adapter: taking it off is then not enough.

    Trained biases replace the base's; PiSSA, OLoRA, CorDA and LoftQ take the adapter's start out of the base's weights.
    """
    start = config.get("init_lora_weights")
    return config.get("bias", "none") != "none" or (isinstance(start, str) and start.lower() != "gaussian")
