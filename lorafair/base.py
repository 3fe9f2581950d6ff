"""The base model of a training sweep: read from disk once, handed out clean as often as a run asks for it."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.errors import LorafairError


class Base:
    """What a trainer gets as ``base``: ``name``, ``path`` (a folder), ``hash``, ``tokenizer`` and :meth:`fresh`.

    Args:
        checkpoint: of :func:`lorafair.checkpoint.read_base`.
        dtype: torch's name of the weights' type in training, e.g. ``float32``.
        uses: how often :meth:`fresh` is expected to be called: the last call hands out the kept weights themselves,
            so that a single run holds one copy and a sweep two.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: str = "float32", uses: int = 1) -> None:
        self.name = checkpoint.name
        self.path = checkpoint.path
        self.hash = checkpoint.hash
        self.dtype = dtype
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

    def fresh(self) -> Any:
        """A causal language model with the base's weights, untouched by any earlier training.

        Returns:
            transformers.PreTrainedModel on the CPU in ``dtype``.

        Raises:
            LorafairError: if transformers cannot read the folder, or knows no causal language model of that type.
        """
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
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        try:
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(self.path), trust_remote_code=False)
        except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
            raise self._refuse(error) from error
        head = model.get_output_embeddings()
        kinds = ("Linear", "Conv1D")  # GPT-2's linear layers are called Conv1D
        return [path for path, module in model.named_modules() if type(module).__name__ in kinds and module is not head]

    def _read(self) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        try:
            return AutoModelForCausalLM.from_pretrained(
                self.path, dtype=getattr(torch, self.dtype), use_safetensors=True, trust_remote_code=False
            )
        except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
            raise self._refuse(error) from error

    def _refuse(self, error: Exception) -> LorafairError:
        return LorafairError(
            f"Base model {self.name}: transformers cannot load it as a causal language model "
            f"({_first_line(error)}). Give the folder of a language model in Hugging Face layout."
        )


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}"
