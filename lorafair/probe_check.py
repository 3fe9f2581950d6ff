"""What makes a comparison of two distributions meaningless or impossible, told before or instead of a number."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lorafair.errors import LorafairError

FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
"""Files of which a folder has one where it brings a tokenizer along."""


def check_tokenizer(engine: Any, checkpoint: Any, texts: Iterable[str]) -> None:
    """Hold the tokenizer that lies in a checkpoint's folder, if any, against the base's, with which all texts are cut.

    Padding, templates and the like may differ; tokens and how the texts are cut may not.

    Raises:
        LorafairError: naming a token or a text on which they differ, or saying that the checkpoint's cannot be read.
    """
    from transformers import AutoTokenizer

    if checkpoint.kind == "base" or not any((checkpoint.path / name).is_file() for name in FILES):
        return
    same = [_read_cutting(folder) for folder in (checkpoint.path, engine.base.path)]
    if same[0] is not None and same[0] == same[1]:
        return
    mend = "Remove its tokenizer files if it was trained with the base's, or probe it against the base it came from."
    try:
        own = AutoTokenizer.from_pretrained(checkpoint.path)
    except Exception as error:  # a stranger's files: tokenizers raises bare exceptions
        raise LorafairError(f"The tokenizer of {checkpoint.label} cannot be read ({error}). {mend}") from error
    words, theirs = engine.tokenizer.get_vocab(), own.get_vocab()
    other = sorted((token for token in words.keys() | theirs.keys() if words.get(token) != theirs.get(token)), key=str)
    if other:
        token = other[0]
        raise LorafairError(
            f"{checkpoint.label} has another tokenizer than the base: {len(other):,} tokens differ, {token!r} is "
            f"number {theirs.get(token, 'none')} in its own and {words.get(token, 'none')} in the base's: their "
            f"distributions cannot be compared. {mend}"
        )
    for text in texts:
        if own(text)["input_ids"] != engine.tokenizer(text)["input_ids"]:
            raise LorafairError(
                f"{checkpoint.label} has another tokenizer than the base: it cuts {text[:60]!r} differently. {mend}"
            )


def _read_cutting(folder: Any) -> Any:
    """What of a ``tokenizer.json`` decides how texts are cut; None where there is none."""
    try:
        found = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {key: value for key, value in found.items() if key not in ("padding", "truncation")}


@contextmanager
def guard_memory(checkpoint: Any, positions: int) -> Iterator[None]:
    """Turn running out of memory into the settings that take less.

    Raises:
        LorafairError: naming them; earlier checkpoints' records are on disk by then.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not _says_memory(error):
            raise
        two = " A full checkpoint, and an adapter that changes its base, take two models." * (checkpoint.kind != "base")
        raise LorafairError(
            f"Out of memory on {checkpoint.label} with {positions} positions at once. Give fewer, e.g. --settings "
            f"positions={max(1, positions // 4)}, a smaller --batch-size for greedy answers, --dtype bfloat16, or "
            f"--device cpu.{two}"
        ) from error


def _says_memory(error: RuntimeError) -> bool:
    import torch

    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in said or "can't allocate memory" in said


def check_numbers(checkpoint: Any, values: Mapping[Any, Sequence[float]]) -> None:
    """Refuse numbers that are none.

    Args:
        values: id of a document -> all that was measured on it.

    Raises:
        LorafairError: naming the first documents, and what commonly is behind it.
    """
    broken = [str(place) for place, each in values.items() if not all(map(math.isfinite, each))]
    if broken:
        more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
        raise LorafairError(
            f"Logits of {checkpoint.label} or its base are not numbers on {', '.join(broken[:5])}{more}. Half "
            "precision that overflows is often behind it: try --dtype float32; else the checkpoint is damaged."
        )
