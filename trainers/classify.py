"""Classification of texts: encoders and decoders with a head, cross entropy of the labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.head import count_positions

from .fit import fit, start_classifier, write_classifier
from .progress import say_once


def classify(
    base: Any,
    data: Any,
    method: Any,
    out: Path,
    *,
    lr: float,
    label: str = "classify",
    seed: int = 13,
    epochs: float = 1.0,
    batch_size: int = 8,
    warmup_ratio: float = 0.0,
    weight_decay: float = 0.0,
    schedule: str = "linear",
    max_length: int = 512,
    precision: str = "fp32",
    save_steps: int | None = None,
    gradient_checkpointing: bool = False,
    micro_batch: int | None = None,
    new_head: bool = False,
    objective: Any = None,
    validation: Any = None,
) -> Path:
    """Train a classifier of texts and write it as a plain PEFT adapter with its head, or a plain Hugging Face model.

    The head is transformers' own: an encoder's reads its first token, a decoder's its last one that is no padding.  A
    text is put in as it is, no prompt, and loses its end where it is longer than ``max_length`` or than the base has
    positions for.  The loss is the mean cross entropy of the batch.  The loop is that of ``sft``.

    Args:
        base: lorafair.base.Base with a head; ``fresh_head()`` is called once.
        data: lorafair.data.labelled.Labelled of texts.
        method: a PEFT config, which is made one for sequence classification, or None to train every weight.
        out, lr, label, seed, epochs, batch_size, warmup_ratio, weight_decay, schedule, precision, save_steps: as in
            ``sft``; the seed draws the head, too.
        max_length: in tokens.
        gradient_checkpointing, micro_batch: as in ``sft``.
        new_head: draw a head even where the base brings one of its own.
        objective: lorafair.objective.Choice, or None for the mean.
        validation: data like ``data``, whose mean loss after training becomes ``validation_loss``.

    Returns:
        ``out/checkpoint``, with ``head.json`` and ``training.json`` beside the weights; the latter has ``labels`` in
        the order of the logits and ``label2id`` beside what ``sft`` writes.

    Raises:
        LorafairError: a base whose own head has other labels, target modules that it does not have, a method without a
            head, and what ``run_loop`` and the data raise.
        KeyboardInterrupt: after Ctrl-C, once the state is saved.
    """
    found, model, start = start_classifier(base, method, seed=seed, start=out / "start", new_head=new_head)
    pad = find_padding(base)
    found.model.config.pad_token_id = pad
    positions = count_positions(found.model.config)
    length = min(max_length, positions or max_length)
    texts = data.encode(base.tokenizer, length, found.labels)
    if texts.truncated:
        many = f"{texts.truncated} of {len(texts.examples)} texts"
        say_once(label, f"{many} are longer than {length} tokens and lose their end")
    return fit(
        model,
        base,
        texts.examples,
        pad_texts(pad),
        out,
        lambda folder, weights: write_classifier(model, base, found, start, pad, folder, weights),
        facts={
            "truncated": texts.truncated,
            "length": length,
            "labels": list(found.labels),
            "label2id": {name: number for number, name in enumerate(found.labels)},
            "head": "drawn" if new_head or found.fresh else "the base's own",
        },
        lr=lr,
        label=label,
        seed=seed,
        epochs=epochs,
        batch_size=batch_size,
        warmup_ratio=warmup_ratio,
        weight_decay=weight_decay,
        schedule=schedule,
        precision=precision,
        gradient_checkpointing=gradient_checkpointing,
        micro_batch=micro_batch,
        save_steps=save_steps,
        objective=objective,
        validation=validation and validation.encode(base.tokenizer, length, found.labels).examples,
    )


def find_padding(base: Any) -> int:
    """The token id that fills a batch: the tokenizer's padding, or its end of sequence.

    Raises:
        LorafairError: if the tokenizer has neither.
    """
    tokenizer = base.tokenizer
    found = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    if found is None:
        raise LorafairError(
            f"The tokenizer of {base.name} has neither pad_token nor eos_token: add one to its tokenizer_config.json."
        )
    return int(found)


def pad_texts(pad: int) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """A collator: examples -> ``input_ids``, ``attention_mask`` (batch, longest), ``labels`` (batch,), int64; ``ids``.

    Texts are padded on the right with the id ``pad`` and attention 0.
    """
    import torch

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        rows = [example["input_ids"] for example in examples]
        longest = max(map(len, rows))
        return {
            "input_ids": torch.tensor([row + [pad] * (longest - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
            "labels": torch.tensor([example["label"] for example in examples]),
            "ids": [example["id"] for example in examples],
        }

    return collate
