"""Texts for plain language modelling: read, tokenised once per sweep, and packed into blocks of one length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lorafair.data.row import read_source
from lorafair.data.row_check import find_text_fault, keep_common, keep_rows
from lorafair.errors import LorafairError


@dataclass(frozen=True)
class Blocks:
    """``{"input_ids": [...], "labels": [...], "id": str}`` each, and how many texts were cut, and tokens left out."""

    examples: list[dict[str, Any]]
    truncated: int
    dropped: int = 0


@dataclass(frozen=True)
class Corpus:
    """Rows ``{"id", "text", "groups", "cluster"}`` and where they came from."""

    name: str
    rows: list[dict[str, Any]]
    provenance: dict[str, Any]
    _done: dict[Any, tuple[Any, Blocks]] = field(default_factory=dict, repr=False, compare=False)

    def pack(self, tokenizer: Any, max_length: int, packing: bool = True) -> Blocks:
        """Examples of at most ``max_length`` tokens; a second call with the same arguments returns the same object.

        Every text is followed by the end-of-sequence token, and every token but a block's first carries loss.  Packed,
        all texts stand behind each other in their order and are cut every ``max_length`` tokens (a block may hold the
        end of one text and the start of the next, which the model sees together); of what is left at the end, a rest
        of a single token is left out.  Not packed, each text is an example and loses what is longer.

        Args:
            tokenizer: a transformers tokenizer; special tokens that it puts in front (BOS) are kept.
            max_length: in tokens, at least 2.
            packing: see above.

        Raises:
            LorafairError: if the tokenizer has no end-of-sequence token, or all texts together are one token.
        """
        key = (max_length, packing)
        if key not in self._done or self._done[key][0] is not tokenizer:
            self._done[key] = (tokenizer, self._pack(tokenizer, max_length, packing))
        return self._done[key][1]

    def _pack(self, tokenizer: Any, max_length: int, packing: bool) -> Blocks:
        end = tokenizer.eos_token_id
        if end is None:
            raise LorafairError("The base's tokenizer has no eos_token: add one to its tokenizer_config.json.")
        encoded = tokenizer([row["text"] for row in self.rows])["input_ids"]
        texts = [[*(ids[:-1] if ids and ids[-1] == end else ids), end] for ids in encoded]
        if not packing:
            cut = sum(len(ids) > max_length for ids in texts)
            named = zip((row["id"] for row in self.rows), texts, strict=True)
            return _require([_write(name, ids[:max_length]) for name, ids in named], self.name, cut, 0)
        stream = [token for ids in texts for token in ids]
        blocks = [stream[at : at + max_length] for at in range(0, len(stream), max_length)]
        dropped = len(blocks.pop()) if len(blocks[-1]) < 2 else 0
        return _require([_write(f"block {n}", ids) for n, ids in enumerate(blocks, start=1)], self.name, 0, dropped)


def _write(name: str, ids: list[int]) -> dict[str, Any]:
    return {"input_ids": ids, "labels": list(ids), "id": name}


def _require(examples: list[dict[str, Any]], name: str, truncated: int, dropped: int) -> Blocks:
    if not examples:
        raise LorafairError(f"{name} holds no two tokens to learn from.")
    return Blocks(examples, truncated, dropped)


def load_corpus(name_or_path: str, options: Mapping[str, Any] | None = None) -> Corpus:
    """Read texts: a data set of the registry that has a target, or a .jsonl file.

    A row's text is its ``text``, or its ``prompt`` followed by its ``completion``; ``id``, ``groups`` and ``cluster``
    may be left out, other columns (a label) are ignored.

    Args:
        name_or_path: of the data.
        options: of the data set's own, and of the split (see :mod:`lorafair.data.row`).

    Raises:
        LorafairError: an unknown data set, a missing file, or every faulty line at once.
    """
    source = read_source(name_or_path, options, hint="no texts of its own (give a .jsonl file with the column text)")
    kept = source.take_part(check_texts(source.what, source.lines))
    return Corpus(name_or_path, kept, source.describe(kept))


def check_texts(what: str, lines: Iterable[tuple[int, Any]]) -> list[dict[str, Any]]:
    """Numbered rows as texts, what they leave out filled in.

    Raises:
        LorafairError: with every faulty row.
    """
    return keep_rows(
        what,
        lines,
        lambda row: find_text_fault(row, ("prompt", "completion") if "prompt" in row else ("text",)),
        lambda number, row: {
            "text": f"{row['prompt']}{row['completion']}" if "prompt" in row else row["text"],
            **keep_common(number, row),
        },
    )
