"""The engine of classifiers: a head's log-probabilities answer multiple-choice requests about a text or an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.batch import by_checkpoint, take_whole
from lorafair.engines.contract import CheckpointRefused, Engine, EngineSettings
from lorafair.engines.device import open_device
from lorafair.engines.head_input import Reader, Readers
from lorafair.engines.head_model import Models
from lorafair.engines.tokenizer import load_tokenizer
from lorafair.errors import LorafairError
from lorafair.label_match import name_outputs, pick
from lorafair.responses.request import Request

BATCH = 32
BLOCK = 16
"""Batches that are cut together: a block's contents are about equally long, and its batches equally many tokens."""
BARE = "bare"
"""Third argument of a request to a checkpoint's head on the base's own body (see ``Models.lend``)."""


class HeadEngine(Engine):
    """Each document's content is read once and passed once per checkpoint, however many labels it is asked about.

    A request's arguments are (content, label): a text or a :class:`lorafair.picture.Picture`, and the task's name of a
    label (see :mod:`lorafair.label_match`).  Its answer is ``[nats, is_greedy]``: the log-probability of that label
    among all the head's labels, and whether no other is more likely.
    """

    name = "head"
    distributions: tuple[str, ...] = ("transformers",)
    classifies = True

    def __init__(self, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings) -> None:
        super().__init__(base, checkpoints, settings)
        import torch

        self.batch_size = settings.batch_size or BATCH
        self._readers = Readers(base, getattr(torch, settings.dtype))

    @cached_property
    def _place(self) -> Any:
        return open_device(self.settings.device)

    @cached_property
    def _models(self) -> Models:
        return Models(self.base, self.settings, self._place)

    @classmethod
    def refuse(cls, base: Checkpoint, checkpoint: Checkpoint) -> str | None:
        """A checkpoint without a head."""
        return None if checkpoint.head is not None else "it has no classification head"

    @classmethod
    def identify(cls, settings: EngineSettings) -> dict[str, Any]:
        """As every engine's, with what the labels were taken to mean."""
        return super().identify(settings) | ({"label_map": settings.label_map} if settings.label_map else {})

    @classmethod
    def with_neighbours(
        cls, requests: Sequence[Request], missing: Sequence[Request], settings: EngineSettings
    ) -> list[Request]:
        """Whole blocks: every block of all requests that holds a missing one."""
        return take_whole(requests, missing, partial(cut_blocks, size=(settings.batch_size or BATCH) * BLOCK))

    def lend(self, checkpoint: Checkpoint) -> AbstractContextManager[Any]:
        """The classification model that answers as ``checkpoint`` (see :meth:`Engine.lend`)."""
        return self._models.lend(checkpoint)

    @property
    def remarks(self) -> list[str]:
        """What a user should know of the answers so far: texts that were cut."""
        return self._readers.count_cut()

    @cached_property
    def base_tokenizer(self) -> Any:
        """The base's tokenizer, read when it is first asked for: classifiers of images have none."""
        return load_tokenizer(self.base, self.settings.trust_remote_code)

    def lend_body(self) -> AbstractContextManager[Any]:
        """The base's body under a head of zeros, for probes that look at states and at no answer.

        Raises:
            LorafairError: where no checkpoint says what is classified.
        """
        heads = [each.head for each in self.checkpoints.values() if each.head is not None]
        if not heads:
            raise LorafairError("No checkpoint here has a head: use --engine hf, or add a classifier by --checkpoint.")
        return self._models.lend_body(heads[0])

    def find_reader(self, checkpoint: Checkpoint, model: Any) -> Reader:
        """What prepares documents' contents for a model from :meth:`lend`."""
        return self._readers.find(checkpoint, model)

    def close(self) -> None:
        """Free the models."""
        import gc

        import torch

        self._models.forget()
        gc.collect()
        if self._place.type == "cuda":
            torch.cuda.empty_cache()

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answer requests, one checkpoint after another (see :meth:`Engine.ask`)."""
        for checkpoint, asked in by_checkpoint(requests, self.checkpoints):
            for bare in (False, True):
                if chosen := [r for r in asked if (r.arguments[2:] == (BARE,)) is bare]:
                    with self._models.lend(checkpoint, bare) as model:
                        yield from self._ask_model(checkpoint, model, chosen)
                    del model  # so that the next one is not loaded beside it

    def _ask_model(
        self, checkpoint: Checkpoint, model: Any, requests: Sequence[Request]
    ) -> Iterator[tuple[Request, Any]]:
        assert checkpoint.head is not None
        outputs = name_outputs(checkpoint.head.labels, self.settings.label_map)
        reader = self._readers.find(checkpoint, model)
        for block in cut_blocks(requests, self.batch_size * BLOCK):
            asked: dict[str, list[Request]] = {}
            for request in block:
                asked.setdefault(request.arguments[0], []).append(request)
            read = zip(reader.read(list(asked)), asked.values(), strict=True)
            rows = sorted(read, key=lambda each: -reader.measure(each[0]))
            for start in range(0, len(rows), self.batch_size):
                batch = rows[start : start + self.batch_size]
                found = self.classify(model, reader, [row for row, _ in batch])
                for (_, same), nats in zip(batch, found, strict=True):
                    yield from answer_labels(checkpoint.label, same, nats, outputs)

    def classify(self, model: Any, reader: Reader, rows: Sequence[Any]) -> list[list[float]]:
        """Log-probabilities (nats) of a head's outputs, (rows, outputs), in one forward pass.

        Raises:
            LorafairError: if memory is out.
        """
        import torch

        try:
            with torch.inference_mode():
                logits = model(**reader.stack(rows, self._place)).logits
            return list(logits.double().log_softmax(-1).tolist())
        except torch.cuda.OutOfMemoryError as error:
            raise LorafairError(
                f"A batch of {len(rows)} does not fit into the memory of {self._place}. Give a smaller --batch-size, "
                "--dtype bfloat16, or --device cpu; what was answered is stored."
            ) from error

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Refused: plain lm_eval hands on a prompt, and not the document that a classifier reads."""
        raise LorafairError("Plain lm_eval hands a classifier prompts, and no documents. Use `lorafair eval`.")


def cut_blocks(requests: Sequence[Request], size: int) -> list[list[Request]]:
    """Requests in blocks of ``size`` contents, long contents first; all requests about one content stay together."""
    asked: dict[tuple[Any, ...], list[Request]] = {}
    for request in requests:
        asked.setdefault((*request.arguments[2:], request.arguments[0]), []).append(request)
    ordered = sorted(asked, key=lambda key: (len(key), -len(key[-1]), key))
    return [[r for key in ordered[i : i + size] for r in asked[key]] for i in range(0, len(ordered), size)]


def answer_labels(
    label: str, requests: Sequence[Request], nats: Sequence[float], outputs: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[Request, list[Any]]]:
    """Each request about one content with its ``[nats, is_greedy]``.

    Args:
        label: the checkpoint's, for messages.
        nats: log-probability of each output of the head.
        outputs: what the outputs stand for, of :func:`lorafair.label_match.name_outputs`.

    Raises:
        CheckpointRefused: for a label that no output stands for.
    """
    totals = {name: add_logs([nats[number] for number in numbers]) for name, numbers in outputs.items()}
    top = max(totals.values())
    for request in requests:
        if (total := pick(totals, request.arguments[1])) is None:
            raise CheckpointRefused(label, f"it has no label {request.arguments[1]!r}")
        yield request, [total, total >= top]


def add_logs(nats: Sequence[float]) -> float:
    """The logarithm of a sum of probabilities that are given as logarithms."""
    if len(nats) == 1:
        return nats[0]
    import math

    top = max(nats)
    return top if math.isinf(top) else top + math.log(sum(math.exp(each - top) for each in nats))
