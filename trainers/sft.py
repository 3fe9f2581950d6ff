"""Supervised fine-tuning on prompt/completion pairs, loss on the completion only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lorafair.data.membership import mark_members, read_membership
from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.process import is_first, wait

from .loop import hush, run_loop, spare_memory
from .share import split_step
from .start import subtract_start

IGNORED = -100
CHANGES_BASE = ("pissa", "olora", "corda")
TOKENIZER_FILES = ("tokenizer", "special_tokens", "added_tokens", "chat_template", "vocab", "merges", "spiece",
                   "preprocessor_config", "processor_config")  # fmt: skip


def sft(
    base: Any,
    data: Any,
    method: Any,
    out: Path,
    *,
    lr: float,
    label: str = "sft",
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
    objective: Any = None,
    validation: Any = None,
) -> Path:
    """Train one model and write it as a plain PEFT adapter or a plain Hugging Face model, in safetensors.

    The loop is transformers' Trainer: AdamW, mean cross entropy over the batch's completion tokens (each completion
    followed by end-of-sequence), padding and prompts masked, gradients clipped to norm 1.  The same seed gives the
    same weights, bit for bit on one CPU and thread count.

    Args:
        base: lorafair.base.Base; ``fresh()`` is called once.
        data: lorafair.data.pairs.Pairs, or what has its ``tokenise(tokenizer, max_length)``.
        method: a PEFT config, or None to train every weight.
        out: folder of this run's own: saves to resume from lie in ``saves/``, the result in ``checkpoint/``.
        lr: peak learning rate; after ``warmup_ratio`` of the steps it follows ``schedule`` (``linear``, ``cosine`` or
            ``constant_with_warmup``) to the last step.
        epochs: passes over the data; a fraction is possible.
        max_length: in tokens; longer pairs lose their end.
        precision: ``fp32``, or ``bf16`` for autocast of the forward pass (weights and optimizer stay as they are).
        save_steps: steps between saves; None is one every five minutes.
        gradient_checkpointing: compute activations twice instead of keeping them: less memory, more time.
        micro_batch: examples that a process takes at a time, a divisor of its share of a step; None is all of it.
        objective: lorafair.objective.Choice, or None for the mean over the batch's completion tokens.
        validation: data like ``data``; the mean of the pairs' losses after training becomes ``validation_loss``.

    Returns:
        ``out/checkpoint``, with ``training.json`` beside the weights: ``steps``, ``final_loss``,
        ``trainable_parameters``, ``total_parameters`` and ``truncated`` (pairs cut at ``max_length``).

    Raises:
        LorafairError: target modules that the base does not have, and what ``run_loop`` and the data raise.
        KeyboardInterrupt: after Ctrl-C, once the state is saved.
    """
    from transformers import set_seed

    tokens = data.tokenise(base.tokenizer, max_length)
    with hush():
        model = base.fresh()
        set_seed(seed)
        start = None
        if method is not None:
            model = add_adapter(model, method, base.name)
            start = keep_start(model, out / "start")
    pad = base.tokenizer.pad_token_id
    held_out = None if validation is None else validation.tokenise(base.tokenizer, max_length).examples
    counted, examples = count_weights(model), name_examples(tokens.examples, data)
    outcome = run_loop(
        model,
        examples if objective is None else mark_members(examples, read_membership(data.rows)),
        pad_right(base.tokenizer.eos_token_id if pad is None else pad),
        out / "saves",
        {
            "learning_rate": lr,
            **split_step(batch_size, micro_batch),
            "num_train_epochs": epochs,
            "warmup_steps": warmup_ratio,
            "weight_decay": weight_decay,
            "lr_scheduler_type": schedule,
            "bf16": precision == "bf16",
            "seed": seed,
            **spare_memory(gradient_checkpointing),
        },
        label=label,
        save_steps=save_steps,
        objective=objective,
        validation=held_out,
    )
    facts = {
        "steps": outcome.steps,
        "final_loss": outcome.final_loss,
        **counted,
        "truncated": tokens.truncated,
        **outcome.facts,
    }
    checkpoint = out / "checkpoint"
    if is_first():
        shutil.rmtree(checkpoint, ignore_errors=True)
        with hush():
            write_model(model, base, checkpoint, start, outcome.weights)
        (checkpoint / "training.json").write_text(json.dumps(facts), encoding="utf-8")
    wait()
    return checkpoint


def pad_right(pad: int) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """A collator: examples -> ``input_ids``, ``attention_mask``, ``labels``, each (batch, longest) of int64; ``ids``
    where the examples have some.

    Padding has the id ``pad``, attention 0 and the label that the loss ignores, whatever else ``pad`` stands for.
    """
    import torch

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(example["input_ids"]) for example in examples)

        def stack(rows: list[list[int]], filler: int) -> Any:
            return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])

        return {
            "input_ids": stack([e["input_ids"] for e in examples], pad),
            "attention_mask": stack([[1] * len(e["input_ids"]) for e in examples], 0),
            "labels": stack([e["labels"] for e in examples], IGNORED),
            **({"ids": [e["id"] for e in examples]} if "id" in examples[0] else {}),
        }

    return collate


def name_examples(examples: list[dict[str, Any]], data: Any) -> list[dict[str, Any]]:
    """Examples with the ids of the rows that they were made of, for messages, where the data have as many rows."""
    rows = getattr(data, "rows", None) or []
    if len(rows) != len(examples):
        return examples
    return [{**example, "id": str(row.get("id", ""))} for example, row in zip(examples, rows, strict=True)]


def count_weights(model: Any) -> dict[str, int]:
    """``trainable_parameters`` and ``total_parameters``, before anything shards them; packed ones (4 bit) in full."""
    if hasattr(model, "get_nb_trainable_parameters"):
        trained, total = model.get_nb_trainable_parameters()
    else:
        trained, total = (
            sum(p.numel() for p in model.parameters() if p.requires_grad or every) for every in (False, True)
        )
    return {"trainable_parameters": trained, "total_parameters": total}


def add_adapter(model: Any, method: Any, name: str) -> Any:
    """Wrap a model with a freshly initialised adapter; ``name`` is the base's, as the user gave it.

    Raises:
        LorafairError: naming each target module that the model does not have, with those that it has.
    """
    from peft import get_peft_model

    targets = getattr(method, "target_modules", None)
    if targets is not None and not isinstance(targets, str):
        kinds = ("Linear", "Conv1D", "Conv2d", "Embedding")
        paths = [path for path, module in model.named_modules() if type(module).__name__.endswith(kinds)]
        known = {path.split(".")[-1] for path in paths}
        faults = [
            f"{target!r} is no module of it.{did_you_mean(target, known)}"
            for target in sorted(targets)
            if not any(path == target or path.endswith(f".{target}") for path in paths)
        ]
        title = f"--target-modules does not fit {name}, which has {', '.join(sorted(known))}"
        raise_faults(title, faults)
    try:
        found = get_peft_model(model, method)
    except (ValueError, RuntimeError) as error:
        raise LorafairError(f"PEFT cannot put this adapter on {name}: {str(error).strip().splitlines()[0]}") from error
    if not any(parameter.requires_grad for parameter in found.parameters()):
        raise LorafairError(f"{name} has no head to train here. Take --trainer classify or image, or another --method.")
    return found


def keep_start(model: Any, folder: Path) -> Path | None:
    """Save an adapter whose initialisation changed the base's weights (PiSSA, OLoRA), before training; None else."""
    config = model.peft_config["default"]
    if not str(getattr(config, "init_lora_weights", "")).lower().startswith(CHANGES_BASE):
        return None
    before, config.init_lora_weights = config.init_lora_weights, True  # what is read back must not start anew
    if is_first():
        model.save_pretrained(folder, save_embedding_layers=False)
    config.init_lora_weights = before
    return folder


def write_model(model: Any, base: Any, folder: Path, start: Path | None = None, weights: Any = None) -> None:
    """Write the trained weights: an adapter with its config, or a model with its configs and the base's tokenizer.

    With ``start`` (see :func:`keep_start`) the adapter is the difference from the start, for the base as it was.
    ``weights`` are the model's where it does not hold all of them itself (see ``loop.Outcome``).
    """
    told = {} if weights is None else {"state_dict": weights}
    configs = getattr(model, "peft_config", None)
    if not configs:
        for copy in getattr(model, "all_tied_weights_keys", None) or ():
            told.get("state_dict", {}).pop(copy, None)  # gathered twice where two layers share one matrix
        model.save_pretrained(folder, **told)
        for file in base.path.iterdir():
            if file.is_file() and file.name.startswith(TOKENIZER_FILES) or file.suffix == ".model":
                shutil.copyfile(file, folder / file.name)
        return
    for config in configs.values():
        config.base_model_name_or_path = base.name
    ours = weights is not None or any(getattr(config, "modules_to_save", None) for config in configs.values())
    extra = {"path_initial_model_for_weight_conversion": str(start)} if start and not ours else {}
    model.save_pretrained(folder, save_embedding_layers=False, **told, **extra)
    if start and ours:
        subtract_start(folder, start)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for key in ("target_modules", "feedforward_modules", "modules_to_save"):
        if isinstance(config.get(key), list):
            config[key] = sorted(set(config[key]))  # PEFT writes a set, in no order
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
