"""At which layer a checkpoint's next token moves away from its base's: the logit lens on both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from lorafair.divergence import KINDS, compare_rows
from lorafair.engines.hf_lens import Lens, find_lens
from lorafair.engines.hf_pair import lend_sides
from lorafair.errors import LorafairError
from lorafair.probe_check import check_numbers, guard_positions, refuse_heads
from lorafair.probe_text import POSITIONS, Placed, cut_batches, place_answers

CELLS = 2_000_000
"""Logits of one model and layer that are in memory at once, rows of that many in all."""


def logit_lens(
    engine: Any,
    checkpoint: Any,
    documents: Sequence[dict[str, Any]],
    texts: Literal["given", "greedy"] = "given",
    tokens: int = 16,
    positions: int = POSITIONS,
) -> Iterator[dict[str, Any]]:
    """Divergence from the base after every layer, each model's hidden state read by its own final norm and head.

    The logit lens (nostalgebraist 2020) gives a hidden state to the final norm and the output head as if it were the
    last one.  Das et al. 2024 (arXiv 2405.18572) name it beside KL; what they compared is not known.  Here the two
    distributions of each layer, the checkpoint's and the base's, are compared as the probe ``kl`` compares the last.

    Args:
        engine: the hf engine, which lends models.
        documents, texts, tokens: as in ``kl``.
        positions: whose hidden states are in memory at once.

    Yields:
        Per document ``id``, ``kl``, ``kl_base``, ``tv``, ``js`` (lists: the mean over the answer's positions, before
        the first layer, after each, and last what the model really says, which is what ``kl`` gives), the same
        with ``first_`` at the first position, ``kl_over_layers`` (the mean of ``kl`` over the list), ``positions`` and
        ``cut``.  Then one record without ``id``: ``layers`` (how many), ``norm``, ``head`` and ``between``, the names
        of the modules that the hidden states were read through.

    Raises:
        LorafairError: as ``kl``; for a model whose layers, final norm or head are not found, or whose own logits they
            do not give.
    """
    import torch

    refuse_heads(engine, "logit_lens")
    with guard_positions(checkpoint, positions):
        placed = place_answers(engine, checkpoint, documents, texts, tokens, positions)
        found: dict[int, dict[str, Any]] = {}
        told: dict[str, Any] = {}
        with lend_sides(engine, checkpoint) as sides, torch.inference_mode():
            lenses = [find_lens(side, placed[0].ids) for side in sides]
            if len(lenses[0].layers) != len(lenses[1].layers):
                raise LorafairError(
                    f"{checkpoint.label} has {len(lenses[0].layers)} layers and the base {len(lenses[1].layers)}: they "
                    "cannot be compared layer by layer. The probe kl compares their answers."
                )
            told = _tell(lenses[0])
            for batch in cut_batches(placed, positions):
                values = _compare(lenses, [placed[i] for i in batch], check=not found)
                parts = values.split([len(placed[i].places) for i in batch], dim=1)
                found |= {
                    i: _describe(mine) | {"cut": int(placed[i].cut)} for i, mine in zip(batch, parts, strict=True)
                }
    check_numbers(checkpoint, {documents[i]["id"]: _list_numbers(found[i]) for i in sorted(found)})
    for i, document in enumerate(documents):
        yield {"id": document["id"]} | found[i]
    yield told


logit_lens.measures = {  # type: ignore[attr-defined]
    "kl_over_layers": {"label": "KL(model, base), mean of layers"},
    "kl": {"label": "KL(model, base)"},
    "kl_base": {"label": "KL(base, model)"},
}  # those that become rows: dozens each


def _compare(lenses: Sequence[Lens], batch: Sequence[Placed], check: bool) -> Any:
    """Divergences of shape (layers + 1, positions, kinds); ``check`` holds the lenses against the models' own logits.

    The logits of a layer live for a few positions at a time; the last layer's are the models' own.
    """
    import torch

    rows, places = [each.ids for each in batch], [each.places for each in batch]
    states, logits = zip(*(lens.read(rows, places) for lens in lenses), strict=True)
    if logits[0].shape[-1] != logits[1].shape[-1]:
        raise LorafairError(
            "The checkpoint and the base have vocabularies of different sizes: nothing can be compared."
        )
    if check:
        for lens, mine, own in zip(lenses, states, logits, strict=True):
            lens.check(mine[-1], own)
    last = compare_rows(*logits)
    size = max(1, CELLS // logits[0].shape[-1])
    del logits
    found = []
    for ours, base in zip(states[0][:-1], states[1][:-1], strict=True):
        chunks = [
            compare_rows(lenses[0].project(ours[i : i + size]), lenses[1].project(base[i : i + size]))
            for i in range(0, len(ours), size)
        ]
        found.append(torch.cat(chunks))
    return torch.stack([*found, last])


def _describe(values: Any) -> dict[str, Any]:
    """The record of one document's divergences, (layers + 1, positions, kinds)."""
    mean, first = values.mean(1), values[:, 0]
    record: dict[str, Any] = {kind: mean[:, k].tolist() for k, kind in enumerate(KINDS)}
    record |= {f"first_{kind}": first[:, k].tolist() for k, kind in enumerate(KINDS)}
    return record | {"kl_over_layers": float(mean[:, 0].mean()), "positions": values.shape[1]}


def _list_numbers(record: dict[str, Any]) -> list[float]:
    return [number for each in record.values() for number in (each if isinstance(each, list) else [each])]


def _tell(lens: Lens) -> dict[str, Any]:
    names = list(lens.names)
    return {"layers": len(lens.layers), "norm": names[0], "head": names[-1], "between": names[1:-1]}
