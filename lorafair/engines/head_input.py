"""What a classifier reads: texts as token ids, images as pixels, each prepared once for all checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from lorafair.checkpoint import Checkpoint
from lorafair.errors import LorafairError
from lorafair.head import FILE, count_positions
from lorafair.picture import Picture

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "*.model")
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
KEPT_PIXELS = 2**30
"""Bytes of prepared images that are kept for the next checkpoint; further ones are prepared again."""


class Reader(Protocol):
    """Prepares documents' contents for a model."""

    def read(self, contents: Sequence[str]) -> list[Any]:
        """Each content as the model takes it, without padding."""

    def measure(self, row: Any) -> int:
        """The length of a prepared content: contents of one length need no padding beside each other."""

    def stack(self, rows: Sequence[Any], place: Any) -> dict[str, Any]:
        """A batch as the model's arguments."""


class TextReader:
    """Texts to token ids, cut at the end where they are longer than the model reads.

    Args:
        tokenizer: the checkpoint's.
        length: tokens that the model reads at most.
        pad: the token that fills a batch up, on the right.
    """

    def __init__(self, tokenizer: Any, length: int, pad: int) -> None:
        self._tokenizer, self.length, self.pad = tokenizer, length, pad
        self._known: dict[str, list[int]] = {}
        self.cut = 0

    @property
    def seen(self) -> int:
        """Texts that were prepared so far; ``cut`` counts those that were too long."""
        return len(self._known)

    def read(self, contents: Sequence[str]) -> list[list[int]]:
        """Token ids with the tokenizer's special tokens."""
        new = list(dict.fromkeys(text for text in contents if text not in self._known))
        if new:
            found = self._tokenizer(new, truncation=True, max_length=self.length)
            self._known |= zip(new, found["input_ids"], strict=True)
            self.cut += sum(bool(one.overflowing) for one in found.encodings or ())
        return [self._known[text] for text in contents]

    def measure(self, row: list[int]) -> int:
        """Tokens."""
        return len(row)

    def stack(self, rows: Sequence[list[int]], place: Any) -> dict[str, Any]:
        """``input_ids`` and ``attention_mask`` (rows, longest)."""
        import torch

        width = max(map(len, rows))
        ids = torch.tensor([row + [self.pad] * (width - len(row)) for row in rows], device=place)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=place)
        return {"input_ids": ids, "attention_mask": mask}


class PictureReader:
    """Images to pixels, by the checkpoint's image processor (Pillow)."""

    def __init__(self, processor: Any, dtype: Any) -> None:
        self._processor, self._dtype = processor, dtype
        self._known: dict[str, Any] = {}
        self._bytes = 0

    def read(self, contents: Sequence[str]) -> list[Any]:
        """Pixels (channels, height, width) of each :class:`lorafair.picture.Picture`."""
        return [self._prepare(picture) for picture in contents if isinstance(picture, Picture)]

    def _prepare(self, picture: Picture) -> Any:
        if picture in self._known:
            return self._known[picture]
        pixels = self._processor(images=picture.open(), return_tensors="np")["pixel_values"][0]
        if self._bytes + pixels.nbytes <= KEPT_PIXELS:
            self._known[picture] = pixels
            self._bytes += pixels.nbytes
        return pixels

    def measure(self, row: Any) -> int:
        """The same for all: an image processor gives one size."""
        return 1

    def stack(self, rows: Sequence[Any], place: Any) -> dict[str, Any]:
        """``pixel_values`` (rows, channels, height, width)."""
        import numpy as np
        import torch

        return {"pixel_values": torch.from_numpy(np.stack(rows)).to(place, self._dtype)}


class Readers:
    """The reader of each checkpoint; those with the same tokenizer or processor share one, and what it prepared."""

    def __init__(self, base: Checkpoint, dtype: Any) -> None:
        self._base, self._dtype = base, dtype
        self._known: dict[tuple[Any, ...], Reader] = {}
        self._own: dict[int, tuple[Any, int | None]] = {}  # a config, which lives on, and its own padding token

    def find(self, checkpoint: Checkpoint, model: Any) -> Reader:
        """The reader for a checkpoint that ``model`` answers as; a decoder is told which token is padding.

        Raises:
            LorafairError: if neither the checkpoint nor its base has a usable tokenizer or image processor.
        """
        assert checkpoint.head is not None
        if checkpoint.head.kind == "image":
            home = find_home(checkpoint, self._base, PROCESSOR_FILES)
            key: tuple[Any, ...] = ("image", _digest(home, PROCESSOR_FILES))
            if key not in self._known:
                self._known[key] = PictureReader(load_processor(home), self._dtype)
            return self._known[key]
        home = find_home(checkpoint, self._base, TOKENIZER_FILES)
        digest = _digest(home, TOKENIZER_FILES)
        if ("tokenizer", digest) not in self._known:
            self._known["tokenizer", digest] = load_tokenizer(home)
        tokenizer: Any = self._known["tokenizer", digest]
        config = model.config.get_text_config()
        _, own = self._own.setdefault(id(config), (config, config.pad_token_id))  # adapters share their base's config
        pad = find_pad(checkpoint, own, tokenizer)
        config.pad_token_id = pad
        length = find_length(checkpoint, config, tokenizer)
        key = ("text", digest, length, pad)
        if key not in self._known:
            self._known[key] = TextReader(tokenizer, length, pad)
        return self._known[key]

    def count_cut(self) -> list[str]:
        """A sentence on the texts that were longer than what a model reads, per length."""
        readers = [reader for reader in self._known.values() if isinstance(reader, TextReader) and reader.cut]
        return [
            f"{one.cut} of {one.seen} texts are longer than {one.length} tokens and lost their end." for one in readers
        ]


def find_home(checkpoint: Checkpoint, base: Checkpoint, files: Iterable[str]) -> Path:
    """The checkpoint's folder where it has such files of its own, else the base's."""
    return checkpoint.path if any(next(checkpoint.path.glob(name), None) for name in files) else base.path


def find_length(checkpoint: Checkpoint, config: Any, tokenizer: Any) -> int:
    """Tokens of a text that a classifier reads: as in its training, where that is known, else as many as it can.

    Args:
        config: of the model; with its positions the tokenizer's own limit counts (512 where nobody says anything).
    """
    trained = ((checkpoint.provenance or {}).get("settings") or {}).get("length")
    told = [trained, count_positions(config), getattr(tokenizer, "model_max_length", None)]
    return min((length for length in told if isinstance(length, int) and 0 < length < 10**9), default=512)


def find_pad(checkpoint: Checkpoint, own: int | None, tokenizer: Any) -> int:
    """The padding token: of the checkpoint's ``head.json``, its config, its tokenizer, or the end-of-text token."""
    told = [_read_pad(checkpoint.path), own, tokenizer.pad_token_id, tokenizer.eos_token_id]
    return next((int(token) for token in told if token is not None), 0)


def load_tokenizer(home: Path) -> Any:
    """The tokenizer in a folder.

    Raises:
        LorafairError: if there is none that can be used.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(home, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise LorafairError(f"{home} has no usable tokenizer: {error}\nCopy the model's tokenizer files.") from error


def load_processor(home: Path) -> Any:
    """The image processor in a folder.

    Raises:
        LorafairError: if there is none that can be used.
    """
    from transformers import AutoImageProcessor

    from lorafair.engines.head_model import hush_loading

    try:
        with hush_loading():
            return AutoImageProcessor.from_pretrained(home, backend="pil", trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise LorafairError(
            f"{home} has no usable image processor: {error}\nCopy the model's preprocessor_config.json."
        ) from error


def _digest(home: Path, files: Iterable[str]) -> str:
    from lorafair.provenance import hash_file

    return "".join(f"{path.name}{hash_file(path)}" for name in files for path in sorted(home.glob(name)))


def _read_pad(folder: Path) -> int | None:
    try:
        told = json.loads((folder / FILE).read_text(encoding="utf-8")).get("pad_token_id")
    except (OSError, ValueError, AttributeError):
        return None
    return told if type(told) is int and told >= 0 else None
