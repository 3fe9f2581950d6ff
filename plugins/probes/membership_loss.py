"""The LOSS attack: was a document in the training set, told by its loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lorafair.membership.attack import find_attacked
from lorafair.membership.loss import measure_losses
from lorafair.membership.split import FILE
from lorafair.membership.summary import name_measures, summarise_attack


def membership_loss(engine: Any, checkpoint: Any, documents: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tell members of the training set from non-members by their loss (Yeom et al. 2018, arXiv 1709.01604).

    The base, which saw neither, is attacked in the same way: what it gives is how much the two parts differ by
    themselves. (Not that of classifiers, which has no head for their labels.)

    Args:
        engine: lends models: ``hf``, or for classifiers ``head``.
        checkpoint: trained with ``--holdout``.
        documents: rows of the training data, members and non-members.

    Yields:
        Per document ``id``, ``member`` (0 or 1), ``loss`` (nats: of the label, or per token of the
        completion), ``score`` (minus that); then the records of :func:`lorafair.membership.summary.summarise_attack`.

    Raises:
        LorafairError: see :func:`lorafair.membership.attack.find_attacked` and
            :func:`lorafair.membership.loss.measure_losses`.
    """
    found = find_attacked(engine, checkpoint, documents)
    if checkpoint.kind == "base" and getattr(engine, "classifies", False):
        why = "the base has no head for these labels: it has no loss"
        yield {"scope": "model", "measure": "membership_loss_auc", "estimate": None, "method": why, "note": why}
        return
    losses = found.sort(measure_losses(engine, checkpoint, found.take(), found.max_length))
    for document, member, loss in zip(found.documents, found.member, losses, strict=True):
        yield {"id": document["id"], "member": int(member), "loss": float(loss), "score": -float(loss)}
    facts = {"split": found.split.sha256, "left_out": len(documents) - len(found.documents)}
    yield from summarise_attack("membership_loss", -losses, found.member, found.documents, facts)


membership_loss.measures = name_measures("membership_loss", "membership by loss", "score")  # type: ignore[attr-defined]
membership_loss.beside = FILE  # type: ignore[attr-defined]
