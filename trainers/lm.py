"""Plain language modelling on texts, packed into blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lorafair.data.membership import mark_members, read_membership
from lorafair.errors import LorafairError

from .fit import fit
from .loop import hush
from .progress import say_once
from .sft import add_adapter, keep_start, pad_right, write_model


def lm(
    base: Any,
    data: Any,
    method: Any,
    out: Path,
    *,
    lr: float,
    label: str = "lm",
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
    packing: bool = True,
    objective: Any = None,
    validation: Any = None,
) -> Path:
    """Train a causal language model on texts as they are, and write it as ``sft`` does.

    Every text is followed by end-of-sequence; all tokens carry loss but the first of a block.  Packed, texts stand
    behind each other and are cut into blocks of ``max_length`` tokens, as Ding et al. 2024 train on reviews; a batch is
    of blocks, and an epoch has fewer steps than there are texts.

    Args:
        base: lorafair.base.Base; ``fresh()`` is called once.
        data: lorafair.data.corpus.Corpus.
        method: a PEFT config, or None to train every weight.
        out, lr, label, seed, epochs, batch_size, warmup_ratio, weight_decay, schedule, precision, save_steps: as in
            ``sft``.
        max_length: of a block, in tokens.
        gradient_checkpointing, micro_batch: as in ``sft``.
        packing: whether texts are packed; if not, each is an example and loses what is longer than ``max_length``.
        objective: lorafair.objective.Choice, or None for the mean over tokens; not with packing, whose blocks belong
            to no group.
        validation: data like ``data``, whose mean loss after training becomes ``validation_loss``.

    Returns:
        ``out/checkpoint``, with ``training.json`` beside the weights.

    Raises:
        LorafairError: as ``sft``.
        KeyboardInterrupt: after Ctrl-C, once the state is saved.
    """
    from transformers import set_seed

    if packing and objective is not None:
        raise LorafairError(
            "A packed block holds several texts and belongs to no group. Leave out --objective, or add "
            "--trainer-option packing=false."
        )
    blocks = data.pack(base.tokenizer, max_length, packing)
    if blocks.truncated:
        many = f"{blocks.truncated} of {len(blocks.examples)} texts"
        say_once(label, f"{many} are longer than {max_length} tokens and lose their end")
    with hush():
        model = base.fresh()
        set_seed(seed)
        start = None
        if method is not None:
            model = add_adapter(model, method, base.name)
            start = keep_start(model, out / "start")
    pad = base.tokenizer.pad_token_id
    return fit(
        model,
        base,
        blocks.examples if objective is None else mark_members(blocks.examples, read_membership(data.rows)),
        pad_right(base.tokenizer.eos_token_id if pad is None else pad),
        out,
        lambda folder, weights: write_model(model, base, folder, start, weights),
        facts={"truncated": blocks.truncated, "blocks": len(blocks.examples)},
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
        validation=validation and validation.pack(base.tokenizer, max_length, packing).examples,
    )
