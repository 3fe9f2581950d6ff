"""Memory and time of a training run before it runs: from the base's shapes, the data's lengths and a short calibration.

Memory, in bytes, of one process on the CPU (peak resident):

    process + copies W b + 3 T b + A

with W weights of b bytes each (``copies`` 2 while further runs of the sweep will need the base clean, else 1), T of
them trained (Adam keeps two numbers of each, a gradient makes three), and A what the backward pass needs:

    A = N (layers (14 h + 4 i) b + 4 V b')

for N = batch size × longest text tokens, width h, inner width i, vocabulary V (0 for a classification head), b' = 4.
Of 14 h + 4 i, 11 h + 4 i are the tensors that PyTorch keeps of one block (inputs and outputs of both norms, queries,
keys, values, the attention's output twice, and four of the inner width); 3 h are what measured runs take beyond that
(passing results, the allocator).  4 V are the logits, their log-softmax and the gradients.

With gradient checkpointing only the input of each block is kept, and one block at a time is computed again: layers h +
14 h + 4 i; RECOMPUTED is what measured runs took beyond that.  Where a step is taken in several
passes or processes, N counts the examples of one pass of one process.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lorafair.quantization import BYTES

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint
    from lorafair.plan import Run

PROCESS = 0.62e9
"""Bytes of a process that has imported torch, transformers and PEFT."""
RECOMPUTED = 0.6e9
"""Bytes that a process took beyond the formula with gradient checkpointing, on SmolLM2 in two trainings."""
SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}
EFFICIENCY = 0.5
"""Share of the measured rate of a large matrix product that training reaches."""
SMALL = {"ia3": 1, "vera": 1, "prompt_tuning": 1, "prefix_tuning": 1, "fractional": 1, "head": 0}
"""Methods counted like LoRA of that rank, an upper bound."""
HEADS = ("classify", "image")
"""Trainers whose models end in a classification head."""


OLDER = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}
"""Names of modules -> what files of vision transformers still call them."""


@dataclass(frozen=True)
class Shape:
    """A model's numbers: parameters, layers, width, inner width, vocabulary, and (in, out) of each linear layer."""

    parameters: int
    layers: int
    width: int
    inner: int
    vocabulary: int
    linear: dict[str, tuple[int, int]]

    def count_active(self, head: bool = False) -> int:
        """Weights that every token meets: of the linear layers, and of the output over the vocabulary."""
        inside = sum(left * right for left, right in self.linear.values())
        return inside + (0 if head else self.vocabulary * self.width)


def read_shape(base: Checkpoint) -> Shape:
    """A base's shape from its config and the headers of its weights; no weights are read."""
    from lorafair.safetensor import read_headers

    shapes, config = read_headers(base.path), base.config

    def take(*names: str) -> int:
        return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)

    width = take("hidden_size", "n_embd", "d_model", "embed_dim")
    linear = {
        name.removesuffix(".weight"): (shape[1], shape[0])
        for name, shape in shapes.items()
        if len(shape) == 2 and name.endswith(".weight") and not re.search(r"emb|wte|wpe|lm_head|score|classifier", name)
    }
    return Shape(
        parameters=sum(math.prod(shape) for shape in shapes.values()),
        layers=take("num_hidden_layers", "n_layer"),
        width=width,
        inner=take("intermediate_size", "n_inner", "ffn_dim") or 4 * width,
        vocabulary=take("vocab_size"),
        linear=linear,
    )


def count_trainable(shape: Shape, run: Run) -> int:
    """Weights that a run trains: all of them, or rank × (in + out) over the linear layers that get an adapter."""
    method, rank = run.settings["method"], run.settings["rank"] or 1
    if method == "full":
        return shape.parameters
    targets = run.settings.get("target_modules")
    named = None if targets in (None, "all-linear") else [targets] if isinstance(targets, str) else list(targets)
    named = None if named is None else [*named, *(OLDER[name] for name in named if name in OLDER)]
    chosen = [
        sizes
        for name, sizes in shape.linear.items()
        if named is None or any(name == target or name.endswith(f".{target}") for target in named)
    ]
    rank = SMALL.get(method, 2 * rank if method in ("pissa", "olora") else rank)
    return sum(rank * (left + right) for left, right in chosen)


def estimate_memory(
    shape: Shape,
    run: Run,
    longest: int,
    *,
    last: bool,
    head: bool = False,
    micro_batch: int | None = None,
    checkpointing: bool = False,
) -> float:
    """Peak bytes of a run; see the module's formula.

    Args:
        longest: tokens of the longest text, before ``max_length`` cuts it.
        last: whether it is the last run of its sweep, which takes the base's own weights.
        head: whether it ends in a classification head, which has no vocabulary.
        micro_batch: examples that the process takes at a time; None is the whole step.
        checkpointing: whether activations are computed twice instead of kept.
    """
    size = SIZES.get(str(run.settings["dtype"]), 4)
    trained = count_trainable(shape, run)
    tokens = (micro_batch or run.settings["batch_size"]) * min(longest, run.settings["max_length"])
    block = 14 * shape.width + 4 * shape.inner
    inside = (shape.layers * shape.width + block if checkpointing else shape.layers * block) * size
    activations = tokens * (inside + (0 if head else 4 * shape.vocabulary * 4))
    activations += RECOMPUTED if checkpointing else 0
    copies = 1 if last else 2
    return float(PROCESS + copies * weigh_base(shape, run, size) + 3 * trained * size + activations)


def weigh_base(shape: Shape, run: Run, size: int) -> float:
    """Bytes of a base's weights, ``size`` each, or less for linear layers that are quantized."""
    packed = BYTES.get(str(run.settings.get("quantize")), size)
    inside = sum(left * right for left, right in shape.linear.values())
    return (shape.parameters - inside) * size + inside * packed


def count_operations(shape: Shape, run: Run, tokens: float, head: bool = False) -> float:
    """Floating-point operations of training on so many tokens: 6 per weight and token, 4 where the base is frozen."""
    return (6 if run.settings["method"] == "full" else 4) * shape.count_active(head) * tokens


def measure_rate(seconds: float = 0.3) -> float:
    """Floating-point operations a second of this CPU: float32 products of 1024 × 1024 matrices, the fastest counts."""
    import numpy as np

    left = np.ones((1024, 1024), dtype=np.float32)
    best, end = 0.0, time.perf_counter() + seconds
    while best == 0.0 or time.perf_counter() < end:
        start = time.perf_counter()
        left @ left
        best = max(best, 2 * 1024**3 / (time.perf_counter() - start))
    return best


def tell_bytes(amount: float) -> str:
    """Gigabytes with one decimal."""
    return f"{amount / 1e9:.1f} GB"


def tell_seconds(amount: float) -> str:
    """A time in words: seconds below two minutes, minutes below two hours, else hours."""
    if amount < 120:
        return f"{amount:.0f} s"
    return f"{amount / 60:.0f} min" if amount < 7200 else f"{amount / 3600:.1f} h"


def measure_rows(base: Checkpoint | None, rows: Sequence[Mapping[str, Any]]) -> tuple[float, int, bool]:
    """(mean, longest, whether they were counted) of training rows' lengths, in tokens or patches."""
    if rows and "image" in rows[0]:
        return count_patches(base)
    return count_tokens(
        base, ["".join(str(row.get(key) or "") for key in ("prompt", "completion", "text")) for row in rows]
    )


def count_patches(base: Checkpoint | None) -> tuple[float, int, bool]:
    """(mean, longest, whether they were counted) of an image's patches, and one more for the class token."""
    config = base.config if base else {}
    size, patch = config.get("image_size", 224), config.get("patch_size", 16)
    if not isinstance(size, int) or not isinstance(patch, int) or patch < 1:
        return 197.0, 197, False
    count = (size // patch) ** 2 + 1
    return float(count), count, bool(config)


def count_tokens(base: Checkpoint | None, texts: list[str]) -> tuple[float, int, bool]:
    """(mean, longest, whether they were counted) of the texts' lengths in tokens.

    Counted with the base's ``tokenizer.json`` where it has one, else four characters a token.
    """
    counts: list[Any]
    path = base.path / "tokenizer.json" if base else None
    if path is not None and path.is_file():
        from tokenizers import Tokenizer

        try:
            counts = [len(each.ids) + 1 for each in Tokenizer.from_file(str(path)).encode_batch(texts)]
            return sum(counts) / max(1, len(counts)), max(counts, default=0), True
        except Exception:  # tokenizers raises plain Exception; a trainer will say what is wrong with the file
            pass
    counts = [len(text) / 4 + 1 for text in texts]
    return sum(counts) / max(1, len(counts)), int(max(counts, default=0)), False
