"""Where lm_eval keeps a model's answers under ``--use_cache``: one file for each model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lorafair.engines.plain import ADAPTERS

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint


def name_cache(given: str, model: str, base: Checkpoint, checkpoint: Checkpoint, arguments: Mapping[str, Any]) -> str:
    """The path for ``--use_cache`` of one model's run: what the user gave, the model's label, a digest.

    lm_eval 0.4.13 finds a cached answer by the question alone, so models that share a file get each other's answers.

    Args:
        given: what the user wrote after ``--use_cache``.
        model: lm_eval's name of the engine, as ``lorafair-hf``.
        base: whose weights' hash goes into the digest.
        checkpoint: that answers; its label and hash tell it apart.
        arguments: of the engine (``dtype``, …): other arguments, another file.
    """
    others = {key: value for key, value in arguments.items() if key not in ADAPTERS and value is not None}
    told = json.dumps([model, base.hash, checkpoint.hash, others], sort_keys=True, default=str)
    return f"{given}_{checkpoint.label}_{hashlib.sha256(told.encode()).hexdigest()[:16]}"
