"""What the names and shapes of an adapter's tensors say: its rank, its targets, and how many numbers were trained."""

from __future__ import annotations

import math
import re
from typing import Any

LORA = re.compile(r"\.([^.]+)(?:\.base_layer)*\.lora_(?:embedding_)?A(?:\.|$)")
FROZEN = re.compile(
    r"\.base_layer\.weight$|_indices\b|(?:^|[._])(?:vera_[AB]|pvera_[AB]|randlora_[AB]|tinylora_[ABP]|delora_w_norm"
    r"|adamss_newB|frod_V|frod_s_size)\b"
)
"""Tensors that PEFT saves beside the trained ones: copies of the base's, random or fixed projections, positions."""


NOWHERE = "dummy-target-modules"
"""What PEFT calls the targets of an adapter that changes no module and only saves some (a head)."""


def find_rank(config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> int | None:
    """The largest rank of an adapter: of its LoRA matrices, or else the ``r`` of its method; None where it has none.

    It is 0 where nothing but a head was trained.

    Args:
        config: the adapter's ``adapter_config.json``.
        shapes: tensor name to shape.
    """
    if config.get("target_modules") == NOWHERE:
        return 0
    patterns = config.get("rank_pattern")
    claims = [config.get("r"), *(patterns.values() if isinstance(patterns, dict) else ())]
    ranks = [shape[0] for name, shape in shapes.items() if LORA.search(name) and len(shape) == 2]
    if config.get("peft_type") != "ADALORA":  # which keeps an r that it does not use
        ranks += [claim for claim in claims if type(claim) is int and claim > 0]
    return max(ranks, default=None)


def find_targets(shapes: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Last names, sorted, of the modules that LoRA matrices lie on."""
    return tuple(sorted({found[1] for name in shapes if (found := LORA.search(name))}))


def count_trained(shapes: dict[str, tuple[int, ...]]) -> int:
    """How many numbers of an adapter's file were trained (what PEFT saves beside them is left out)."""
    return sum(math.prod(shape) for name, shape in shapes.items() if not FROZEN.search(name))


CHANGED_RANK = ("pissa", "olora", "adalora")
"""Methods whose files hold another rank than was trained: twice it (a difference of two), or the rank at the start."""


def find_trained_rank(method: str | None, rank: int | None, settings: dict[str, Any]) -> int | None:
    """The rank that a row tells: of the weights, or for ``CHANGED_RANK`` what the training recorded."""
    recorded = settings.get("rank")
    return recorded if method in CHANGED_RANK and type(recorded) is int and recorded > 0 else rank
