"""What a checkpoint would have said next at each token of the right answer, and the BLEU of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorafair.engines.hf_adapter import count_virtual, extra_arguments, mixes_rows
from lorafair.errors import LorafairError
from lorafair.probe_check import refuse_heads


def teacher_forced(engine: Any, checkpoint: Any, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The most likely token at each position of each document's completion, every earlier token being the right one.

    The BLEU that Ding et al. (2024) report for translations is of these tokens read as a text, in lower case, against
    three references that differ in the pronoun's gender.  It is no BLEU of translations: at every token the model is
    shown the right beginning, so a model that translates badly scores high.  Here for comparison with that paper;
    what a task generates itself is the number to quote.

    Args:
        engine: one that lends its model (``hf``).
        documents: each with a ``text`` (or ``prompt``), which the completion follows, and a ``completion``;
            ``references`` or else the completion with its pronouns swapped are what BLEU is measured against.

    Returns:
        Per document its ``id``, ``text`` (the tokens as text), ``tokens`` (how many, with the end of the text),
        ``right`` (the share that is the completion's), ``bleu_teacher_forced_sentence``; then one record without
        ``id``: ``bleu_teacher_forced`` of all (0 to 100), ``documents``, ``bleu`` (sacrebleu's settings).

    Raises:
        LorafairError: for documents without text or completion, and from the engine.
    """
    from lorafair.data.pronoun import swap_all
    from lorafair.translation.bleu import count_bleu, describe_bleu, sum_bleu

    refuse_heads(engine, "teacher_forced")
    missing = [
        each["id"] for each in documents if not _is_text(each.get("text")) or not _is_text(each.get("completion"))
    ]
    if missing:
        raise LorafairError(
            "The probe teacher_forced needs a `text` and a `completion` in each document (as lorafair_winomt_tr_en "
            f"has); they are missing in {', '.join(map(str, missing[:5]))}{', …' if len(missing) > 5 else ''}."
        )
    pairs = [engine.encode_pair(each.get("prompt", each["text"]), each["completion"]) for each in documents]
    guesses = _guess(engine, checkpoint, [(context, [*own, engine.eot_token_id]) for context, own in pairs])
    texts = [engine.tokenizer.decode(ids, skip_special_tokens=True).strip() for ids, _ in guesses]
    references = [each.get("references") or swap_all(each["completion"].strip()) for each in documents]
    bleu = [count_bleu(text, own) for text, own in zip(texts, references, strict=True)]
    records: list[dict[str, Any]] = [
        {
            "id": each["id"],
            "text": text,
            "tokens": len(ids),
            "right": right,
            "bleu_teacher_forced_sentence": own.score,
        }
        for each, text, (ids, right), own in zip(documents, texts, guesses, bleu, strict=True)
    ]
    whole = sum_bleu(each.sums for each in bleu)
    return [*records, {"bleu_teacher_forced": whole, "documents": len(texts), "bleu": describe_bleu()}]


teacher_forced.measures = {  # type: ignore[attr-defined]
    "right": {"label": "tokens of the answer that are the likeliest, share"},
    "bleu_teacher_forced_sentence": {"label": "teacher-forced BLEU of each sentence, mean"},
}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _guess(engine: Any, checkpoint: Any, pairs: Sequence[tuple[list[int], list[int]]]) -> list[tuple[list[int], float]]:
    """Per (context, continuation) pair of token ids the argmax at each position of the continuation, and its hits."""
    import torch

    found: dict[int, tuple[list[int], float]] = {}
    order = sorted(range(len(pairs)), key=lambda at: -sum(map(len, pairs[at])))
    with engine.lend(checkpoint) as model, torch.inference_mode():
        place = next(model.parameters()).device
        size = 1 if mixes_rows(model) else engine.batch_size
        room = int(getattr(model.config, "max_position_embeddings", 0) or 1 << 30) - count_virtual(model)
        if order and len(pairs[order[0]][0]) + len(pairs[order[0]][1]) > room:
            raise LorafairError(f"The longest document does not fit into the model's {room} tokens: leave it out.")
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            rows = [[*pairs[at][0], *pairs[at][1]] for at in batch]
            width = max(map(len, rows))
            pad = engine.tokenizer.pad_token_id
            ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=place)
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=place)
            logits = model(input_ids=ids, attention_mask=mask, **extra_arguments(model, len(rows))).logits[:, -width:]
            best = logits.argmax(dim=-1).tolist()
            for at, row, guess in zip(batch, rows, best, strict=True):
                own = pairs[at][1]
                said = guess[len(row) - len(own) - 1 : len(row) - 1]
                found[at] = said, sum(a == b for a, b in zip(said, own, strict=True)) / len(own)
    return [found[at] for at in range(len(pairs))]
