"""Reviews for the gender probes: a subsample decided by its own seed, cleaned, and what was left out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lorafair.data.dataset import Resolved, resolve
from lorafair.errors import LorafairError

CHUNK = 4096
CONTENT_FREE = ("N/A", "[MASK]", "")
"""What stands in a review's place to see the answer to nothing: the inputs of Zhao et al. 2021."""


@dataclass(frozen=True)
class Reviews:
    """``rows``: ``{"id", "text"}`` each; ``available``: rows of the file; the others count what was met on the way.

    ``empty``: no visible text, or no text at all; ``repeated``: the text of an earlier one, letter case aside; ``cut``:
    kept, but longer than allowed.  ``provenance`` is the data set's.
    """

    rows: list[dict[str, str]]
    available: int
    empty: int
    repeated: int
    cut: int
    provenance: dict[str, Any]


def read_reviews(dataset: str, count: int, seed: int, max_words: int) -> Reviews:
    """``count`` reviews of a data set whose file has a column ``text``, or all where there are fewer.

    They are the first usable ones of a random order of all rows, which depends on the seed and the number of rows only,
    so a larger count keeps the reviews of a smaller one.  Line breaks and runs of spaces become one space, characters
    that cannot be seen (control, direction, half surrogates) are dropped, and a review ends after ``max_words`` words.

    Args:
        dataset: of the registry, with a file ``reviews`` (parquet, or JSON lines).
        count: at most that many.
        seed: of the subsample alone.
        max_words: at least 1.

    Raises:
        LorafairError: if the data are missing or damaged, are no reviews, or none can be used.
    """
    resolved = resolve(dataset)
    if "reviews" not in resolved.files:
        raise LorafairError(f"The data set {dataset} has no reviews file; it has {', '.join(resolved.files)}.")
    size, texts = _open(resolved)
    kept: list[dict[str, str]] = []
    seen: set[str] = set()
    counts = {"empty": 0, "repeated": 0, "cut": 0}
    for row, raw in texts(np.random.default_rng(seed).permutation(size)):
        if len(kept) == count:
            break
        words = clean_text(raw).split() if isinstance(raw, str) else []
        text = " ".join(words[:max_words])
        if not text or text.casefold() in seen:
            counts["empty" if not text else "repeated"] += 1
            continue
        seen.add(text.casefold())
        counts["cut"] += len(words) > max_words
        kept.append({"id": f"{dataset}/{row:07d}", "text": text})
    if not kept:
        raise LorafairError(f"{resolved.files['reviews']} holds no review with visible text.")
    return Reviews(kept, size, **counts, provenance=resolved.provenance())


def review_rows(
    dataset: str = "yelp_inferred_train", count: int = 50_000, seed: int = 13, max_words: int = 10_000
) -> list[dict[str, str]]:
    """Reviews to train a language model on, as :func:`read_reviews` draws them: ``{"id", "text"}`` each.

    ``count`` and ``seed`` are those of Ding et al. 2024, who train language models on 50,000 reviews of that split.
    """
    return read_reviews(dataset, count, seed, max_words).rows


def clean_text(text: str) -> str:
    """A text on one line, without characters that cannot be seen."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def _open(resolved: Resolved) -> tuple[int, Any]:
    """How many rows there are, and a function from row numbers to (row number, its text) in their order."""
    path = resolved.files["reviews"]
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        column = pq.read_table(path, columns=["text"]).column("text")

        def take(order: Any) -> Iterator[tuple[int, Any]]:
            for start in range(0, len(order), CHUNK):
                part = order[start : start + CHUNK]
                yield from zip(part.tolist(), column.take(part).to_pylist(), strict=True)

        return len(column), take
    rows = resolved.rows("reviews")
    return len(rows), lambda order: ((int(k), rows[int(k)].get("text")) for k in order)
