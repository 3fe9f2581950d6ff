"""What a trainer reads: pairs, labelled texts, labelled images or plain texts, as its ``data`` mark says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lorafair.errors import LorafairError, did_you_mean
from lorafair.registry import load_registry, load_target, read_field


def load_training_data(trainer: str, name_or_path: str, options: Mapping[str, Any] | None = None) -> Any:
    """The data of a sweep, as its trainer wants them.

    Args:
        trainer: a name of the registry. Its mark ``data`` is ``pairs`` (prompt and completion; where there is no mark),
            ``texts`` (plain), ``labelled_texts`` or ``labelled_images``.
        name_or_path: a data set of the registry or a .jsonl file.
        options: ``--data-option``.

    Returns:
        :class:`lorafair.data.pairs.Pairs`, :class:`lorafair.data.corpus.Corpus` or
        :class:`lorafair.data.labelled.Labelled`: each with ``name``, ``rows`` and ``provenance``.

    Raises:
        LorafairError: as their loaders; and for an unknown mark.
    """
    entry = load_registry().get("trainer", trainer)
    wanted = str(read_field(entry, "data", "pairs", target=load_target(entry)))
    if wanted not in LOADERS:
        raise LorafairError(f"The trainer {trainer!r} wants unknown data {wanted!r}.{did_you_mean(wanted, LOADERS)}")
    return LOADERS[wanted](name_or_path, options)


def count_examples(data: Any, base: Any, settings: Mapping[str, Any]) -> int:
    """How many examples one epoch has: rows, or, of packed texts, blocks."""
    from lorafair.data.corpus import Corpus

    packing = (settings.get("trainer_options") or {}).get("packing", True)
    if isinstance(data, Corpus) and packing:
        return len(data.pack(base.tokenizer, settings["max_length"], True).examples)
    return len(data.rows)


def _load_pairs(name: str, options: Mapping[str, Any] | None) -> Any:
    from lorafair.data.pairs import load_pairs

    return load_pairs(name, options)


def _load_texts(name: str, options: Mapping[str, Any] | None) -> Any:
    from lorafair.data.corpus import load_corpus

    return load_corpus(name, options)


def _load_labelled_texts(name: str, options: Mapping[str, Any] | None) -> Any:
    from lorafair.data.labelled import load_labelled

    return load_labelled(name, "text", options)


def _load_labelled_images(name: str, options: Mapping[str, Any] | None) -> Any:
    from lorafair.data.labelled import load_labelled

    return load_labelled(name, "image", options)


LOADERS: dict[str, Callable[[str, Mapping[str, Any] | None], Any]] = {
    "pairs": _load_pairs,
    "texts": _load_texts,
    "labelled_texts": _load_labelled_texts,
    "labelled_images": _load_labelled_images,
}
