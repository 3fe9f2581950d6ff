"""Classification models: the base's body read once, and each checkpoint's own head and adapter on it."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.classifier import trains_body
from lorafair.engines.contract import CheckpointRefused, EngineSettings
from lorafair.engines.hf_adapter import put_on, take_off
from lorafair.errors import LorafairError
from lorafair.head import ENDINGS, Head, describe_labels, list_head_modules
from lorafair.safetensor import read_headers

FAULTS = (ValueError, OSError, RuntimeError, KeyError, TypeError, AttributeError, ImportError)
PREFIX = "base_model.model."
LORA_PARTS = (".lora_", "lora_", ".ia3_", ".oft_", ".hada_", ".lokr_", ".vera_", ".boft_")


class Models:
    """Lends models that answer as a checkpoint; the body of the base is read once and shared.

    Args:
        base: the checkpoints' base.
        settings: dtype, and what goes to ``from_pretrained``.
        place: torch device.
    """

    def __init__(self, base: Checkpoint, settings: EngineSettings, place: Any) -> None:
        self._base, self._settings, self._place = base, settings, place
        self._body: Any = None
        self._has_loaded = False
        self._fresh: frozenset[str] = frozenset()

    def forget(self) -> None:
        """Free the body."""
        self._body = None

    @contextmanager
    def lend(self, checkpoint: Checkpoint, bare: bool = False) -> Iterator[Any]:
        """The model that answers as ``checkpoint``, in evaluation mode.

        Args:
            bare: the checkpoint's head on the base's own body instead: what its head is worth without what was
                trained in the body.

        Raises:
            CheckpointRefused: if it cannot be loaded, or not without random parts.
        """
        head = checkpoint.head
        if head is None:
            raise CheckpointRefused(checkpoint.label, "it has no classification head")
        checkpoint.check_unchanged()
        if checkpoint.kind != "adapter" and not bare:
            self._body = None  # one copy of the weights at a time
            model, missing = self._load(checkpoint, head)
            _refuse_random(checkpoint, missing)
            yield model.to(self._place).eval()
            return
        saved = self._read_head(checkpoint, head) if bare or not trains_body(checkpoint) else {}
        body = self._take_body(head)
        renewed = self._fresh | _name_weights(body)
        if saved:
            _refuse_random(checkpoint, renewed - set(saved))
            body.load_state_dict({name: saved[name] for name in renewed}, strict=False)
            del saved
            yield body
            return
        own = list_own(checkpoint)
        _refuse_random(checkpoint, renewed - own)
        self._body = None  # until it is taken off again
        try:
            model = put_on(body, checkpoint, "SEQ_CLS" if head.kind == "text" else None)
        except FAULTS as error:
            raise CheckpointRefused(
                checkpoint.label, f"{checkpoint.path} cannot be put on {self._base.name}: {error}"
            ) from error
        del body
        yield model
        self._body = take_off(model, checkpoint, own <= renewed)

    @contextmanager
    def lend_body(self, head: Head) -> Iterator[Any]:
        """The base's body under a head of zeros for ``head``'s labels."""
        import torch

        body = self._take_body(head)
        with torch.no_grad():
            for name in _name_weights(body):  # whatever was drawn at random, or is left of the last checkpoint
                body.get_parameter(name).zero_()
        yield body

    def _read_head(self, checkpoint: Checkpoint, head: Head) -> dict[str, Any]:
        """Tensors by the names of a classification model: those of an adapter's file, or of a full model."""
        if checkpoint.kind == "adapter":
            return read_tensors(checkpoint)
        self._body = None
        return dict(self._load(checkpoint, head)[0].state_dict())

    def _take_body(self, head: Head) -> Any:
        if self._body is None:
            body, missing = self._load(self._base, head)
            self._body, self._fresh = body.to(self._place).eval(), missing
        if self._body.num_labels != len(head.labels):
            renew_head(self._body, head)
        return self._body

    def _load(self, checkpoint: Checkpoint, head: Head) -> tuple[Any, frozenset[str]]:
        if self._has_loaded:
            gc.collect()  # PEFT models hold themselves: without this, the last one stays beside the next
        self._has_loaded = True
        return load_classifier(checkpoint, head, self._settings)


def load_classifier(checkpoint: Checkpoint, head: Head, settings: EngineSettings) -> tuple[Any, frozenset[str]]:
    """A folder's model with a head for ``head``'s labels, and the names of the weights that the folder lacks.

    Raises:
        CheckpointRefused: if transformers cannot load it; LorafairError for a base.
    """
    import torch
    import transformers

    maker = getattr(transformers, f"AutoModel{ENDINGS[head.kind]}")
    try:
        with hush_loading():
            model, info = maker.from_pretrained(
                checkpoint.path,
                dtype=getattr(torch, settings.dtype),
                use_safetensors=True,
                trust_remote_code=settings.trust_remote_code and checkpoint.kind == "base",
                ignore_mismatched_sizes=checkpoint.kind == "base",
                output_loading_info=True,
                **(describe_labels(head.labels) if checkpoint.kind == "base" else {}),
                **settings.extra,
            )
    except FAULTS as error:
        why = f"transformers cannot load {checkpoint.path} as a classifier of {head.kind}s: {error}"
        raise (LorafairError(why) if checkpoint.kind == "base" else CheckpointRefused(checkpoint.label, why)) from error
    missing = {str(key) for key in info["missing_keys"]} | {str(key[0]) for key in info["mismatched_keys"]}
    return model, frozenset(missing)


@contextmanager
def hush_loading() -> Iterator[None]:
    """Keep transformers' reports on fresh heads out of our output: what is missing is looked at here."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def renew_head(model: Any, head: Head) -> None:
    """Give a classification model a head of another size, of zeros, in place; its body is left alone."""
    import torch

    place, dtype = next(model.parameters()).device, model.dtype
    config = copy.deepcopy(model.config)
    config.update(describe_labels(head.labels))
    with torch.device("meta"):
        pattern = type(model)(config)
    for name in list_head_modules(pattern):
        part = getattr(pattern, name).to(dtype).to_empty(device=place)
        for tensor in (*part.parameters(), *part.buffers()):
            tensor.data.zero_()
        setattr(model, name, part.eval())
    model.config, model.num_labels = config, len(head.labels)


def read_tensors(checkpoint: Checkpoint) -> dict[str, Any]:
    """An adapter's tensors by the names that they have in the model under it."""
    from safetensors.torch import load_file

    return {
        _strip(name): tensor
        for path in sorted(checkpoint.path.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def _name_weights(model: Any) -> frozenset[str]:
    """Names of the weights of a model's head."""
    return frozenset(
        f"{name}.{weight}" for name in list_head_modules(model) for weight, _ in getattr(model, name).named_parameters()
    )


def list_own(checkpoint: Checkpoint) -> frozenset[str]:
    """Names of the whole weights that an adapter brings along: its head, and other fully trained modules.

    Raises:
        LorafairError: if its files cannot be read.
    """
    names = map(_strip, read_headers(checkpoint.path))
    return frozenset(name for name in names if not any(part in name for part in LORA_PARTS))


def _strip(name: str) -> str:
    return name.removeprefix(PREFIX).replace(".modules_to_save.default.", ".").replace(".modules_to_save.", ".")


def _refuse_random(checkpoint: Checkpoint, missing: frozenset[str]) -> None:
    if missing:
        named = ", ".join(sorted(missing)[:3])
        raise CheckpointRefused(
            checkpoint.label,
            f"{checkpoint.path} holds no weights for {named}: nobody has them, and they would be drawn at random at "
            "every load. Train it again with these modules saved (PEFT: modules_to_save)",
        )
