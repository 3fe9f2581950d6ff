"""Whether an adapter belongs to a base, and whether PEFT can put it on twice with the same result."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.safetensor import read_headers

DIGITS = "0123456789."
LAYER = re.compile(r"^[A-Za-z_.]+\.\d+\.")
RESHAPING = ("use_bdlora", "use_qalora", "target_parameters", "layer_replication")
"""Settings under which LoRA matrices are not of the shape, or not at the name, of the weight that they change."""


def hold_against_base(
    label: str,
    path: Path,
    config: dict[str, Any],
    shapes: dict[str, tuple[int, ...]],
    base_path: Path,
    base_name: str,
    base_hash: str,
    provenance: dict[str, Any] | None,
    any_base: bool = False,
) -> list[str]:
    """Hold an adapter's own record and the shapes of its weights against a base, without loading either.

    Args:
        config: the adapter's ``adapter_config.json``.
        shapes: tensor name to shape, of the adapter's weights.
        base_path: folder of the base; ``base_hash`` is the hash of its weights.
        provenance: the adapter's ``provenance.json``, where it has one.

    Returns:
        Notes on what only looks odd (another base name while the shapes fit, where ``any_base`` accepts that).

    Raises:
        LorafairError: if the adapter was trained on other weights, or does not fit the base's shapes.
    """
    trained_on = ((provenance or {}).get("settings") or {}).get("base")
    known_base = refuse_other_base(label, path, trained_on, base_name, base_hash)
    if misfit := _find_misfit(config, shapes, read_headers(base_path)):
        raise LorafairError(
            f"{label}: {path} does not fit the base {base_name}: {misfit}. It was trained on "
            f"{config.get('base_model_name_or_path')!r}: give --base that model."
        )
    given = str(config.get("base_model_name_or_path") or "")
    if not given or known_base or Path(given).name.casefold() == Path(base_name).name.casefold():
        return []
    if not any_base:
        raise LorafairError(
            f"{label}: {path} names the base {given!r} in its adapter_config.json, not {base_name!r}. Give --base that "
            "model; if it is the same one under another name, say so with --any-base."
        )
    return [f"{label}: adapter_config.json names the base {given!r}, evaluated on {base_name!r} (shapes fit)"]


def _find_misfit(
    config: dict[str, Any], shapes: dict[str, tuple[int, ...]], known: dict[str, tuple[int, ...]]
) -> str | None:
    """The first tensor (in the order of names) of an adapter that has no place in a base, in words."""
    known = _name_inside(known, shapes)
    layers = {found[0] for name in known if (found := LAYER.match(name))}
    stacks = {layer.rstrip(DIGITS) for layer in layers}
    replicated = bool(config.get("layer_replication"))
    for name, shape in sorted(shapes.items()):
        inner = name.removeprefix("base_model.model.")
        layer = LAYER.match(inner)
        if layer and layer[0] not in layers and layer[0].rstrip(DIGITS) in stacks and not replicated:
            return f"it has weights for {layer[0].rstrip('.')} ({name}), the base has no such layer"
        found = re.fullmatch(r"(.+?)(?:\.base_layer)*\.lora_(A|B)(?:\.\w+)?\.weight", inner)
        if not found or len(shape) != 2 or any(config.get(key) for key in RESHAPING):
            continue
        weight = known.get(f"{found[1]}.weight")
        if weight is None and found[1].split(".")[-1] == "lm_head":
            continue
        if weight is None or (shape[1] if found[2] == "A" else shape[0]) not in weight:
            there = list(weight) if weight else "no such weight"
            return f"{name} has shape {list(shape)}, the base's {found[1]} has {there}"
    return None


def _name_inside(
    known: dict[str, tuple[int, ...]], shapes: dict[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The base's tensors by their own names, and behind the prefix under which a model with a head holds its body.

    GPT-2's own files leave ``transformer.`` out, and an encoder's folder may hold the bare encoder (``bert.``).
    """
    firsts = {name.removeprefix("base_model.model.").partition(".")[0] for name in shapes if ".lora_" in name}
    prefixes = {"transformer", *firsts} - {name.partition(".")[0] for name in known}
    return known | {f"{prefix}.{name}": shape for prefix in sorted(prefixes) for name, shape in known.items()}


def refuse_unrepeatable(
    label: str, path: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], classifies: bool = False
) -> None:
    """Refuse an adapter that PEFT loads without a word, but not as it was trained, or not twice in the same way.

    Args:
        config: the adapter's ``adapter_config.json``.
        shapes: tensor name to shape, of the adapter's weights.
        classifies: it has a classification head.

    Raises:
        LorafairError: saying why, and what would mend it.
    """
    method, start = str(config.get("peft_type", "")).upper(), str(config.get("init_lora_weights"))
    why = None
    if method == "XLORA":
        why = "PEFT does not save the router of an X-LoRA and draws another at every load; give its LoRA adapters"
    elif not shapes:
        why = "its adapter_model.safetensors holds no weights; train it or copy it again"
    elif start.startswith("pissa_niter") or start in ("corda", "lora_ga"):
        why = (
            f"its start ({start}) was taken out of the base's weights and cannot be found again from the adapter "
            "alone; save it with save_pretrained(..., path_initial_model_for_weight_conversion=...), as a plain LoRA"
        )
    elif config.get("task_type") not in (None, "CAUSAL_LM", "FEATURE_EXTRACTION", *["SEQ_CLS"] * classifies):
        why = (
            f"it was trained for {config['task_type']}; adapters for causal language models and for classification "
            "(SEQ_CLS, with its head) are evaluated"
        )
    elif max(_whole(config.get("num_tasks")), _whole(config.get("n_tasks"))) > 1:
        why = "it holds several tasks at once and answers by a task number; save it for one task"
    elif method == "PVERA" and config.get("sample_at_inference"):
        why = "it draws its weights anew for every answer; set sample_at_inference to false in its adapter_config.json"
    elif method == "SHADOW" and config.get("shadow_model", "mirror") != "mirror":
        why = f"it needs another model ({config['shadow_model']!r}), which PEFT would fetch; only 'mirror' is evaluated"
    elif method == "MULTITASK_PROMPT_TUNING" and config.get("prompt_tuning_init_state_dict_path"):
        why = (
            f"PEFT would read its start from {config['prompt_tuning_init_state_dict_path']!r}, which it does not need "
            "any more; set prompt_tuning_init to RANDOM and remove the path in its adapter_config.json"
        )
    if why:
        raise LorafairError(f"{label}: {path} cannot be evaluated: {why}.")


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def refuse_other_base(label: str, path: Path, trained_on: Any, base_name: str, base_hash: str) -> bool:
    """Whether a checkpoint's record says that it was trained on exactly this base; False where it says nothing.

    Raises:
        LorafairError: if it says that it was trained on other weights.
    """
    found = trained_on.get("hash") if isinstance(trained_on, dict) else None
    if not isinstance(found, str):
        return False
    if found != base_hash:
        raise LorafairError(
            f"{label}: {path} was trained on another base ({trained_on.get('name')}, weights {found[:12]}) than "
            f"{base_name} (weights {base_hash[:12]}). Give --base that model."
        )
    return True
