"""PiSSA and OLoRA, whose start changed the base's weights: the difference from that start, as a LoRA adapter."""

from __future__ import annotations

import json
from pathlib import Path

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def subtract_start(folder: Path, start: Path) -> None:
    """Rewrite a saved adapter as a LoRA adapter of twice the rank for the base as it was before the start.

    The start took s A0 B0 out of W, and training ended at s A B, so the change of W is s (A B - A0 B0), which is one
    product of [A; A0] and [B, -B0].  PEFT's own conversion does the same and cannot keep a head beside it.

    Args:
        folder: the adapter as PEFT saved it after training.
        start: the same before training.
    """
    from safetensors.torch import load_file, save_file
    from torch import cat

    ended, began = load_file(folder / WEIGHTS), load_file(start / WEIGHTS)
    for name, tensor in ended.items():
        if ".lora_A." in name:
            ended[name] = cat([tensor, began[name]], dim=0).contiguous()
        elif ".lora_B." in name:
            ended[name] = cat([tensor, -began[name]], dim=1).contiguous()
    save_file(ended, folder / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    grow = 2**0.5 if config.get("use_rslora") else 2  # alpha / sqrt(r) or alpha / r stays
    config |= {"init_lora_weights": True, "r": 2 * config["r"], "lora_alpha": grow * config["lora_alpha"]}
    for key, factor in (("rank_pattern", 2), ("alpha_pattern", grow)):
        config[key] = {name: factor * value for name, value in (config.get(key) or {}).items()}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
