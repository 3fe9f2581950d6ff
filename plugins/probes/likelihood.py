"""How likely a checkpoint finds whole texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorafair.engines.question import ask_engine
from lorafair.errors import LorafairError
from lorafair.probe_check import refuse_heads


def likelihood(engine: Any, checkpoint: Any, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Log-probability of each document's text under a checkpoint, from the text's first token on.

    Texts that differ only in the group that they name should be about equally likely: the spread over groups is the
    likelihood bias of Smith et al. 2022 (arXiv 2205.09209).  Texts that were trained on against texts that were not
    are the loss attack of Yeom et al. 2018 (arXiv 1709.01604).

    Args:
        engine: any engine.
        documents: each with a ``text`` of at least one token.

    Returns:
        Per document its ``id``, ``nats`` (log-probability of the whole text), ``tokens`` (how many) and
        ``nats_per_token``.

    Raises:
        LorafairError: for documents without text, and from the engine.
    """
    refuse_heads(engine, "likelihood")
    missing = [each["id"] for each in documents if not isinstance(each.get("text"), str) or not each["text"]]
    if missing:
        raise LorafairError(f"The probe likelihood needs a `text` in each document; none in {', '.join(missing[:5])}.")
    texts = [(each["text"],) for each in documents]
    answers = ask_engine(engine, checkpoint, "loglikelihood_rolling", texts)
    lengths = [len(engine.tok_encode(text)) for (text,) in texts]
    return [
        {"id": each["id"], "nats": nats, "tokens": length, "nats_per_token": nats / length}
        for each, nats, length in zip(documents, answers, lengths, strict=True)
    ]


likelihood.measures = {  # type: ignore[attr-defined]
    "nats": {"label": "log-probability of the text, nats"},
    "nats_per_token": {"label": "log-probability per token, nats"},
}
