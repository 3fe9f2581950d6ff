"""How far a checkpoint's distribution over the next token has moved away from its base's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from lorafair.divergence import KINDS, compare_rows
from lorafair.engines.hf_pair import lend_pair
from lorafair.errors import LorafairError
from lorafair.probe_check import check_numbers, guard_positions, refuse_heads
from lorafair.probe_text import POSITIONS, cut_batches, place_answers


def kl(
    engine: Any,
    checkpoint: Any,
    documents: Sequence[dict[str, Any]],
    texts: Literal["given", "greedy"] = "given",
    tokens: int = 16,
    positions: int = POSITIONS,
) -> Iterator[dict[str, Any]]:
    """KL divergence from the base, both ways, with total variation and Jensen-Shannon, exact over the vocabulary.

    Das et al. 2024 (arXiv 2405.18572) compare token posteriors of base and fine-tuned models by KL; which direction
    and which positions is not known, so that all are given.  Two places: the first position of the answer (the
    distribution right after the prompt), and the mean over all positions of the answer.

    Args:
        engine: the hf engine, which lends models.
        documents: each with ``prompt`` and ``completion``, or ``text``, which is a prompt without an answer.
        texts: ``given``: the answer is the document's completion, teacher-forced; without one only the first position
            counts. ``greedy``: the answer is the checkpoint's own greedy one.
        tokens: of a greedy answer, at most.
        positions: whose distributions are in memory at once.

    Yields:
        Per document ``id``, ``first_kl``, ``first_kl_base``, ``first_tv``, ``first_js``, the same four without
        ``first_`` for the mean over positions, ``positions`` (how many) and ``cut`` (1 where the text was longer than
        the context and lost its start).  ``kl`` is KL(checkpoint || base), ``kl_base`` KL(base || checkpoint); nats,
        total variation in [0, 1].  The base's own are 0.

    Raises:
        LorafairError: for wrong settings, documents without text, an engine without a language model, a checkpoint with
            another tokenizer or vocabulary than the base's, too little memory (naming the settings to change), and
            logits that are not numbers (naming the documents).
    """
    import torch

    refuse_heads(engine, "kl")
    with guard_positions(checkpoint, positions):
        placed = place_answers(engine, checkpoint, documents, texts, tokens, positions)
        found: dict[int, dict[str, Any]] = {}
        with lend_pair(engine, checkpoint) as readers, torch.inference_mode():
            for batch in cut_batches(placed, positions):
                rows, places = [placed[i].ids for i in batch], [placed[i].places for i in batch]
                ours, base = (read(rows, places) for read in readers)
                if ours.shape[-1] != base.shape[-1]:
                    raise LorafairError(
                        f"{checkpoint.label} has {ours.shape[-1]} tokens in its vocabulary and the base "
                        f"{base.shape[-1]}: their distributions cannot be compared. Probe a checkpoint with the base's "
                        "tokenizer."
                    )
                values = compare_rows(ours, base).split([len(each) for each in places])
                found |= {
                    i: _describe(mine) | {"cut": int(placed[i].cut)} for i, mine in zip(batch, values, strict=True)
                }
    check_numbers(checkpoint, {documents[i]["id"]: list(found[i].values()) for i in sorted(found)})
    for i, document in enumerate(documents):
        yield {"id": document["id"]} | found[i]


kl.measures = {  # type: ignore[attr-defined]
    "kl": {"label": "KL(model, base)"},
    "kl_base": {"label": "KL(base, model)"},
    "tv": {"label": "TV"},
    "js": {"label": "JS"},
    "first_kl": {"label": "KL(model, base), first"},
    "first_kl_base": {"label": "KL(base, model), first"},
    "first_tv": {"label": "TV, first"},
    "first_js": {"label": "JS, first"},
}


def _describe(values: Any) -> dict[str, Any]:
    """The record of one document's divergences, (positions, kinds)."""
    first = {f"first_{kind}": float(value) for kind, value in zip(KINDS, values[0], strict=True)}
    mean = {kind: float(value) for kind, value in zip(KINDS, values.mean(0), strict=True)}
    return first | mean | {"positions": len(values)}
