"""Putting a PEFT adapter of any method on a base that is already loaded, and taking it off again."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.safetensor import read_header

CLEAN_METHODS = {"LORA", "PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING"}
"""Methods that can be taken off a base; after any other, and after what ``CLEAN_KEYS`` lacks, it is loaded again."""
CLEAN_KEYS = (
    {"peft_type", "peft_version", "task_type", "base_model_name_or_path", "revision", "auto_mapping", "inference_mode"}
    | {
        "r",
        "lora_alpha",
        "lora_dropout",
        "rank_pattern",
        "alpha_pattern",
        "use_rslora",
        "use_dora",
        "lora_bias",
        "bias",
    }
    | {"target_modules", "exclude_modules", "layers_pattern", "layers_to_transform", "fan_in_fan_out"}
    | {"init_lora_weights", "megatron_core", "qalora_group_size"}
    | {"num_virtual_tokens", "token_dim", "num_transformer_submodules", "num_attention_heads", "num_layers"}
    | {"prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs"}
    | {"prefix_projection", "encoder_hidden_size", "encoder_num_layers", "encoder_dropout"}
    | {"encoder_reparameterization_type"}
)
"""Settings known to leave the base's weights and modules alone."""
CLEAN_STARTS = (True, False, "gaussian", "orthogonal", "eva")
SAME_KEYS = CLEAN_KEYS - {"base_model_name_or_path", "revision", "auto_mapping", "peft_version", "task_type"}
"""Settings of LoRA that have to be equal for one adapter's weights to go into another's modules."""
MIXES_ROWS = {"LILY"}
"""Methods whose answer to one text depends on the others in its batch, and on the padding."""


def put_on(model: Any, checkpoint: Checkpoint, task: str | None = "CAUSAL_LM") -> Any:
    """``model`` with the adapter on it, as a PEFT model in evaluation mode; ``model`` itself may be changed.

    Args:
        task: PEFT's name of what the model does; without it, PEFT leaves the virtual tokens of prompt learning out.

    Raises:
        ValueError: where PEFT would only warn that weights of the adapter are missing; it also lets PEFT's own errors
            through (OSError, RuntimeError, KeyError, TypeError, AttributeError, ImportError).
    """
    from peft import PeftConfig, PeftModel

    config = PeftConfig.from_pretrained(str(checkpoint.path))
    config.task_type = task
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        served = PeftModel.from_pretrained(model, str(checkpoint.path), config=config)
    for warning in said:
        if "missing adapter keys" in str(warning.message):
            raise ValueError(str(warning.message)[:500])
    return served.eval()


def take_off(model: Any, checkpoint: Checkpoint, renewed: bool = False) -> Any:
    """The base under a model from :func:`put_on`, as it was before; None where it has to be loaded again.

    Args:
        renewed: the modules that the adapter saved whole stay in the base and are replaced before it is used again.
    """
    if leaves_traces(checkpoint, renewed):
        return None
    return strip(model)


def strip(model: Any) -> Any:
    """The base under a model from :func:`put_on`, for an adapter that leaves no traces."""
    base = model.get_base_model() if is_prompt(model) else model.unload()
    if hasattr(base, "peft_config"):
        del base.peft_config
    return base


Fit = tuple[dict[str, Any], dict[str, tuple[int, ...]]]
"""An adapter's settings as far as they matter, and its tensors' shapes by name."""


@dataclass(frozen=True)
class Worn:
    """An adapter on a base, as its folder was when it was put on: that may be gone when it is taken off.

    ``clean``: whether the base is left as it was.  ``fit``: adapters with an equal one can take its place by
    :func:`swap`; None where none can.
    """

    model: Any
    clean: bool = True
    fit: Fit | None = None


def measure_fit(checkpoint: Checkpoint) -> Fit | None:
    """What two adapters need to have in common to take each other's place: for LoRA that leaves no traces."""
    if checkpoint.config.get("peft_type") != "LORA" or leaves_traces(checkpoint):
        return None
    settings = {key: value for key, value in checkpoint.config.items() if key in SAME_KEYS and value is not None}
    for name in ("target_modules", "exclude_modules"):
        if isinstance(settings.get(name), list):
            settings[name] = sorted(settings[name])
    return settings, read_header(checkpoint.path / "adapter_model.safetensors")


def swap(model: Any, checkpoint: Checkpoint) -> Any:
    """A model from :func:`put_on` with the weights of another adapter copied into the modules that are there.

    Faster than taking one adapter off and putting the next on, because no modules are made; the numbers are the same.
    Only where the two have an equal :func:`measure_fit`.

    Raises:
        ValueError, RuntimeError, OSError, KeyError: PEFT's own; the model is half changed then and of no use any more.
    """
    from peft.utils.hotswap import hotswap_adapter

    place = next(model.parameters()).device
    hotswap_adapter(model, str(checkpoint.path), model.active_adapter, torch_device=str(place))
    return model.eval()


def leaves_traces(checkpoint: Checkpoint, renewed: bool = False) -> bool:
    """Whether PEFT may change the base's own weights or modules with such an adapter: taking it off is not enough then.

    Known to: trained biases and ``base_layer`` copies overwrite the base's; ``modules_to_save`` stay in the base when
    PEFT unloads; PiSSA, OLoRA and KaSA take a part out of the base's weights; layer replication adds layers.
    """
    config = checkpoint.config
    if config.get("peft_type") not in CLEAN_METHODS or config.get("bias", "none") != "none":
        return True
    if config.get("init_lora_weights", True) not in CLEAN_STARTS:
        return True
    clean = CLEAN_KEYS | {"modules_to_save"} if renewed else CLEAN_KEYS
    if any(value for key, value in config.items() if key not in clean):
        return True
    return any(".base_layer." in name for name in read_header(checkpoint.path / "adapter_model.safetensors"))


def is_prompt(model: Any) -> bool:
    """Whether a model is a PEFT model of prompt learning: virtual tokens before the text."""
    return bool(getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False))


def count_virtual(model: Any) -> int:
    """How many positions of a model's context are taken by virtual tokens."""
    return int(model.active_peft_config.num_virtual_tokens) if is_prompt(model) else 0


def mixes_rows(model: Any) -> bool:
    """Whether texts have to be asked one by one, because a batch would change the answers."""
    config = getattr(model, "active_peft_config", None)
    return config is not None and config.peft_type in MIXES_ROWS


def extra_arguments(model: Any, rows: int) -> dict[str, Any]:
    """What a method wants with every call beside the text: the task number (0, the only one), ``rows`` times."""
    config = getattr(model, "active_peft_config", None)
    if config is None or config.peft_type not in ("POLY", "MULTITASK_PROMPT_TUNING"):
        return {}
    import torch

    return {"task_ids": torch.zeros(rows, dtype=torch.long, device=next(model.parameters()).device)}


def keeps_logits(model: Any) -> bool:
    """Whether a model's forward takes ``logits_to_keep`` as positions; virtual tokens would shift them."""
    import inspect

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return not is_prompt(model) and "logits_to_keep" in inspect.signature(base.forward).parameters
