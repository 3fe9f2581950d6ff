"""The base model of a training sweep: read from disk once, handed out clean as often as a run asks for it."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.errors import LorafairError
from lorafair.head import ENDINGS, Head, Headed, describe_labels, list_head_modules, read_headed
from lorafair.quantization import make_config, refuse_unfit

UNREADABLE = (OSError, ValueError, ImportError, KeyError, RuntimeError)
WANTED = {"": "a causal language model", "text": "a classifier of texts", "image": "a classifier of images"}


class Base:
    """What a trainer gets as ``base``: ``name``, ``path`` (a folder), ``hash``, ``tokenizer`` and :meth:`fresh`.

    Args:
        checkpoint: of :func:`lorafair.checkpoint.read_base`.
        dtype: torch's name of the weights' type in training, e.g. ``float32``.
        uses: how often :meth:`fresh` is expected to be called: the last call hands out the kept weights themselves,
            so that a single run holds one copy and a sweep two.
        head: the classification head that the model is to carry; None is a causal language model.
        quantize: "4bit" or "8bit": the linear layers of a causal language model in so many bits (bitsandbytes).
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        dtype: str = "float32",
        uses: int = 1,
        head: Head | None = None,
        quantize: str | None = None,
    ) -> None:
        self.name = checkpoint.name
        self.path = checkpoint.path
        self.hash = checkpoint.hash
        self.config = checkpoint.config
        self.dtype = dtype
        self.head = head
        self.quantize = quantize
        self._uses = uses
        self._kept: Any = None

    @cached_property
    def tokenizer(self) -> Any:
        """The base's own tokenizer, read once; without a chat template in use.

        Raises:
            LorafairError: if the folder has no readable tokenizer.
        """
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(self.path, trust_remote_code=False)
        except (OSError, ValueError, ImportError) as error:
            raise LorafairError(
                f"Base model {self.name}: its tokenizer cannot be read ({_first_line(error)}). Put the tokenizer "
                "files (tokenizer.json, tokenizer_config.json) into the folder."
            ) from error

    @cached_property
    def processor(self) -> Any:
        """The base's own image processor, read once, by Pillow.

        Raises:
            LorafairError: if the folder has no readable image processor.
        """
        from transformers import AutoImageProcessor

        try:
            return AutoImageProcessor.from_pretrained(self.path, backend="pil", trust_remote_code=False)
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise LorafairError(
                f"Base model {self.name}: its image processor cannot be read ({_first_line(error)}). Put its "
                "preprocessor_config.json into the folder."
            ) from error

    def fresh(self) -> Any:
        """A model with the base's weights, untouched by any earlier training: causal, or with the sweep's ``head``.

        Returns:
            transformers.PreTrainedModel on the CPU in ``dtype``; a quantized one on the first GPU where there is one.

        Raises:
            LorafairError: if transformers cannot read the folder, or knows no such model of that type.
        """
        found = self._take()
        return found.model if isinstance(found, Headed) else found

    def fresh_head(self) -> Headed:
        """As :meth:`fresh`, for a sweep with a ``head``: the model, its labels, and which parts of it are new.

        Raises:
            LorafairError: as :meth:`fresh`, and where the sweep's data have no labels.
        """
        if self.head is None:
            raise LorafairError("These data have no labels to classify. Take the trainer sft or lm, or labelled data.")
        found: Headed = self._take()
        return found

    def _take(self) -> Any:
        model = self._kept if self._kept is not None else self._read()
        self._uses -= 1
        if self._uses > 0:
            self._kept = model
            return copy.deepcopy(model)
        self._kept = None
        return model

    def list_modules(self) -> list[str]:
        """Paths of the linear layers in the model's order, the output head left out; no weights are read.

        Raises:
            LorafairError: as :meth:`fresh`.
        """
        heads = [self._empty.get_submodule(name) for name in list_head_modules(self._empty)] if self.head else []
        heads += [found] if (found := self._empty.get_output_embeddings()) is not None else []
        left_out = {id(part) for head in heads for part in head.modules()}
        kinds = ("Linear", "Conv1D")  # GPT-2's linear layers are called Conv1D
        return [
            path
            for path, module in self._empty.named_modules()
            if type(module).__name__ in kinds and id(module) not in left_out
        ]

    def list_layers(self) -> dict[str, tuple[int, int]]:
        """Path -> the two sizes of each layer with a weight matrix, the head's too; no weights are read.

        Raises:
            LorafairError: as :meth:`fresh`.
        """
        found = {path: module.weight for path, module in self._empty.named_modules() if hasattr(module, "weight")}
        return {path: (weight.shape[0], weight.shape[1]) for path, weight in found.items() if _is_matrix(weight)}

    @cached_property
    def _empty(self) -> Any:
        """The model without weights (on torch's meta device)."""
        import torch
        import transformers

        maker = getattr(transformers, f"AutoModel{ENDINGS[self.head.kind] if self.head else 'ForCausalLM'}")
        labels = describe_labels(self.head.labels) if self.head else {}
        try:
            with torch.device("meta"):
                config = transformers.AutoConfig.from_pretrained(self.path, **labels)
                return maker.from_config(config, trust_remote_code=False)
        except UNREADABLE as error:
            raise self._refuse(error) from error

    def _read(self) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        how: dict[str, Any] = {"dtype": getattr(torch, self.dtype), "use_safetensors": True, "trust_remote_code": False}
        try:
            if self.head is not None:
                return read_headed(self.path, self.config, self.head, self.dtype)
            if self.quantize is not None:
                how["quantization_config"] = make_config(self.quantize, self.dtype)
            return AutoModelForCausalLM.from_pretrained(self.path, **how)
        except UNREADABLE as error:
            raise (self._refuse(error) if self.quantize is None else refuse_unfit(self.name, error)) from error

    def _refuse(self, error: Exception) -> LorafairError:
        return LorafairError(
            f"Base model {self.name}: transformers cannot load it as {WANTED[self.head.kind if self.head else '']} "
            f"({_first_line(error)}). Give the folder of such a model in Hugging Face layout."
        )


def _is_matrix(weight: Any) -> bool:
    return getattr(weight, "ndim", 0) == 2


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}"
