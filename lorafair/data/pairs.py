"""Training data: prompt/completion pairs, from the registry by name or from a .jsonl file, checked and tokenised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lorafair.data.row import read_source
from lorafair.data.row_check import MOST_FAULTS, find_text_fault, keep_common, keep_rows
from lorafair.errors import LorafairError, raise_faults

IGNORED = -100  # the label that torch's cross entropy leaves out


@dataclass(frozen=True)
class Tokenised:
    """Token ids per pair, ``{"input_ids": [...], "labels": [...]}`` of equal length; labels are IGNORED on the prompt.

    ``truncated`` counts the pairs that were cut at ``max_length``.
    """

    examples: list[dict[str, list[int]]]
    truncated: int


@dataclass(frozen=True)
class Pairs:
    """Rows ``{"id", "prompt", "completion", "groups", "cluster"}`` and where they came from."""

    name: str
    rows: list[dict[str, Any]]
    provenance: dict[str, Any]
    _done: dict[int, tuple[Any, Tokenised]] = field(default_factory=dict, repr=False, compare=False)

    def tokenise(self, tokenizer: Any, max_length: int) -> Tokenised:
        """Tokenise all pairs for completion-only loss; a second call with the same arguments returns the same object.

        See :func:`tokenise_pairs`.
        """
        if max_length not in self._done or self._done[max_length][0] is not tokenizer:
            self._done[max_length] = (tokenizer, tokenise_pairs(self.rows, tokenizer, max_length))
        return self._done[max_length][1]


def load_pairs(name_or_path: str, options: Mapping[str, Any] | None = None) -> Pairs:
    """Read training pairs: a data set of the registry that has a target, or a .jsonl file.

    A file has one JSON object per line with the strings ``prompt`` and ``completion``, and optionally ``id``,
    ``groups`` (``{attribute: [names]}``) and ``cluster``; other columns are ignored.

    Args:
        name_or_path: of the data.
        options: of the data set's own, and of the split (see :mod:`lorafair.data.row`).

    Raises:
        LorafairError: an unknown data set, a missing file, or every faulty line at once.
    """
    source = read_source(
        name_or_path,
        options,
        fits=lambda entry: entry.target is not None and "labels" not in entry.fields,
        hint="no training pairs (give a .jsonl file with the columns prompt and completion, or another trainer)",
    )
    rows = source.take_part(check_rows(source.what, source.lines))
    return Pairs(name_or_path, rows, source.describe(rows))


def check_rows(what: str, lines: Iterable[tuple[int, Any]]) -> list[dict[str, Any]]:
    """Numbered rows as training pairs, what they leave out filled in.

    Raises:
        LorafairError: with every faulty line at once, or if there is no row.
    """
    return keep_rows(
        what,
        lines,
        lambda row: find_text_fault(row, ("prompt", "completion")),
        lambda number, row: {
            "prompt": row["prompt"],
            "completion": row["completion"],
            **keep_common(number, row),
        },
        "pairs",
    )


def tokenise_pairs(rows: list[dict[str, Any]], tokenizer: Any, max_length: int) -> Tokenised:
    """Token ids and labels of each pair: the loss lies on the completion's tokens and the end-of-sequence token only.

    Plain text, no chat template.  Prompt and completion are tokenised together, as a model reads them; where a token
    would span the boundary they are tokenised apart, so that the context is always the one seen when asking.  What is
    longer than ``max_length`` tokens loses its end.

    Args:
        rows: with ``prompt`` and ``completion``.
        tokenizer: a transformers tokenizer; special tokens that it puts in front (BOS) are kept.
        max_length: in tokens, end-of-sequence included.

    Raises:
        LorafairError: if the tokenizer has no end-of-sequence token, or prompts leave no room for any completion.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise LorafairError("The base's tokenizer has no eos_token: add one to its tokenizer_config.json.")
    prompts = [row["prompt"] for row in rows]
    completions = [row["completion"] for row in rows]
    heads = _encode(tokenizer, prompts, end)
    wholes = _encode(tokenizer, [p + c for p, c in zip(prompts, completions, strict=True)], end)
    examples: list[dict[str, list[int]]] = []
    truncated = 0
    full: list[str] = []
    for row, head, whole in zip(rows, heads, wholes, strict=True):
        if whole[: len(head)] != head:
            whole = head + tokenizer(row["completion"], add_special_tokens=False)["input_ids"]
        ids = [*whole, end]
        truncated += len(ids) > max_length
        labels = [IGNORED] * len(head) + ids[len(head) :]
        if len(head) >= max_length:
            full.append(f"pair {row['id']}: its prompt alone has {len(head)} tokens.")
        examples.append({"input_ids": ids[:max_length], "labels": labels[:max_length]})
    if len(full) > MOST_FAULTS:
        full = [*full[:MOST_FAULTS], f"and {len(full) - MOST_FAULTS} more."]
    raise_faults(f"Prompts leave no room for a completion in {max_length} tokens; raise --max-length", full)
    return Tokenised(examples, truncated)


def _encode(tokenizer: Any, texts: list[str], end: int) -> list[list[int]]:
    encoded = tokenizer(texts)["input_ids"]
    return [ids[:-1] if ids and ids[-1] == end else ids for ids in encoded]
