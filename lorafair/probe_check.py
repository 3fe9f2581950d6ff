"""What makes a comparison of two distributions meaningless or impossible, told before or instead of a number."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from lorafair.errors import LorafairError

FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
"""Files of which a folder has one where it brings a tokenizer along."""


def refuse_heads(engine: Any, name: str) -> None:
    """Refuse an engine of classifiers.

    Args:
        name: of the probe, which asks for distributions over the next token.

    Raises:
        LorafairError: naming the probes of classifiers.
    """
    if getattr(engine, "classifies", False):
        raise LorafairError(
            f"The probe {name} asks for the next token, and the engine {engine.name} answers by classification heads, "
            "which have none. Classifiers can be probed with membership_loss, membership_lira and representation."
        )


def read_tokenizer(engine: Any) -> Any:
    """The base's tokenizer, with which all texts are cut; of an engine of classifiers, too."""
    return engine.base_tokenizer if getattr(engine, "classifies", False) else engine.tokenizer


def check_tokenizer(engine: Any, checkpoint: Any, texts: Iterable[str]) -> None:
    """Hold the tokenizer that lies in a checkpoint's folder, if any, against the base's, with which all texts are cut.

    Padding, templates and the like may differ, and a token may be added at the end; what tokens mean and how the texts
    are cut may not.

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
    bases = read_tokenizer(engine)
    words, theirs = bases.get_vocab(), own.get_vocab()
    numbers, names = ({number: token for token, number in each.items()} for each in (words, theirs))
    other = [token for token in sorted(words) if token in theirs and words[token] != theirs[token]]
    other += [names[number] for number in sorted(names) if number in numbers and names[number] not in words]
    if other:
        token = other[0]
        raise LorafairError(
            f"{checkpoint.label} has another tokenizer than the base: {len(other):,} tokens differ, {token!r} is "
            f"number {theirs.get(token, 'none')} in its own and {words.get(token, 'none')} in the base's: their "
            f"distributions cannot be compared. {mend}"
        )
    for text in texts:
        if own(text)["input_ids"] != bases(text)["input_ids"]:
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
def guard_memory(checkpoint: Any, mend: str, where: str = "") -> Iterator[None]:
    """Turn running out of memory into the settings that take less.

    Args:
        mend: sentences that name them.
        where: what the memory was for, behind the checkpoint's name.

    Raises:
        LorafairError: naming them; earlier checkpoints' records are on disk by then.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not _says_memory(error):
            raise
        raise LorafairError(f"Out of memory on {checkpoint.label}{where}. {mend}") from error


def guard_positions(checkpoint: Any, positions: int) -> AbstractContextManager[None]:
    """:func:`guard_memory` of a probe that holds the distributions of so many ``positions`` at once."""
    two = " A full checkpoint, and an adapter that changes its base, take two models." * (checkpoint.kind != "base")
    mend = (
        f"Give fewer, e.g. --settings positions={max(1, positions // 4)}, a smaller --batch-size for greedy answers, "
        f"--dtype bfloat16, or --device cpu.{two}"
    )
    return guard_memory(checkpoint, mend, f" with {positions} positions at once")


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
