"""Train one classifier and write it: what the trainers of texts and of images share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, raise_faults
from lorafair.head import Head, Headed, write_head
from lorafair.process import is_first, wait

from .loop import hush, run_loop, spare_memory
from .sft import add_adapter, count_weights, keep_start, write_model
from .share import split_step

HEAD_NAMES = ("classifier", "score")
"""What PEFT saves by itself beside an adapter for sequence classification."""
LAST_TOKEN = "score"
"""What the head of a decoder is called: it reads the last token that is not padding."""


def start_classifier(
    base: Any, method: Any, *, seed: int, start: Path, new_head: bool
) -> tuple[Headed, Any, Path | None]:
    """A clean classifier with its adapter: (what was read of the base, the model to train, see ``keep_start``).

    The head's first weights depend on the run's seed alone, so that every method starts from the same head.

    Args:
        base: lorafair.base.Base of a sweep with a head.
        method: a PEFT config, or None to train every weight; it is made one for classification.
        seed: of the run.
        start: folder for the adapter's start, where it has to be kept.
        new_head: draw a head even where the base brings one.

    Raises:
        LorafairError: if the base's own head has other labels, or the method cannot train a head.
    """
    from transformers import set_seed

    with hush():
        found = base.fresh_head()
        keep_or_refuse(found, base, new_head)
        set_seed(seed)
        draw_head(found.model, found.modules if new_head else found.fresh)
        set_seed(seed)
        model = found.model
        if method is None:
            return found, model, None
        shape_method(method, found, base)
        model = add_adapter(model, method, base.name)
        return found, model, keep_start(model, start)


def keep_or_refuse(found: Headed, base: Any, new_head: bool) -> None:
    """Refuse a base whose own head has other labels than the data, unless a new head was asked for."""
    if found.own is None or new_head or set(found.own) == set(found.labels):
        return
    shown = ", ".join(found.own[:10]) + (f" and {len(found.own) - 10} more" if len(found.own) > 10 else "")
    raise LorafairError(
        f"The base {base.name} has a head for the labels {shown}; the data have {', '.join(found.labels)}. Rename the "
        "data's labels to those, or draw a new head with --trainer-option new_head=true."
    )


def draw_head(model: Any, names: Sequence[str]) -> None:
    """Draw the weights of the named modules anew, as the architecture's own initialisation does, from torch's seed."""
    import torch

    for name in names:
        for module in model.get_submodule(name).modules():
            for tensor in (module, *module.parameters(recurse=False), *module.buffers(recurse=False)):
                if hasattr(tensor, "_is_hf_initialized"):
                    del tensor._is_hf_initialized
            with torch.no_grad():
                model._init_weights(module)


def shape_method(method: Any, found: Headed, base: Any) -> None:
    """Make a PEFT config one for classification: its task, the head beside the adapter, and no adapter on the head.

    Raises:
        LorafairError: for a method that cannot, and for target modules that lie in the head.
    """
    kind = base.head.kind
    prompting = bool(getattr(method, "is_prompt_learning", False))
    what = type(method).__name__.removesuffix("Config")
    if prompting and kind == "image":
        raise LorafairError(f"{what} puts vectors before a text; images have none. Take --method lora, or full.")
    if prompting and LAST_TOKEN in found.modules and not str(method.peft_type).endswith("PREFIX_TUNING"):
        raise LorafairError(
            f"{what} hides from the decoder {base.name} where a text ends, so that its head would read padding. Take "
            "--method prefix_tuning, or lora."
        )
    if not hasattr(method, "modules_to_save"):
        raise LorafairError(f"PEFT's {what} saves no head beside it. Take another method, as --method lora.")
    method.task_type = "SEQ_CLS" if kind == "text" else None
    named = [name for name in found.modules if kind == "image" or name not in HEAD_NAMES]
    method.modules_to_save = named or None
    targets = getattr(method, "target_modules", None)
    if targets == "all-linear":
        method.target_modules = set(base.list_modules()) - set(found.modules)
        return
    inside = [name for name in found.modules for target in _list(targets) if _hits(target, name, found.model)]
    faults = [f"{name} is the head, or new with it, and trained whole anyway; leave it out." for name in inside]
    raise_faults("--target-modules", dict.fromkeys(faults))


def _list(targets: Any) -> list[str]:
    return sorted(targets) if isinstance(targets, list | set | tuple) else []


def _hits(target: str, name: str, model: Any) -> bool:
    """Whether a target names a module of the head, or something in it, and nothing outside."""
    paths = [path for path, _ in model.named_modules() if path == target or path.endswith(f".{target}")]
    return bool(paths) and all(path == name or path.startswith(f"{name}.") for path in paths)


def fit(
    model: Any,
    base: Any,
    examples: Any,
    collate: Callable[..., Any],
    out: Path,
    write: Callable[[Path, Any], None],
    *,
    facts: dict[str, Any],
    lr: float,
    label: str,
    seed: int,
    epochs: float,
    batch_size: int,
    warmup_ratio: float,
    weight_decay: float,
    schedule: str,
    precision: str,
    gradient_checkpointing: bool,
    micro_batch: int | None,
    save_steps: int | None,
    **told: Any,
) -> Path:
    """Run the loop over ``examples`` and write the result: ``out/checkpoint``, with ``training.json`` beside it.

    Args:
        write: puts the trained model into the folder that it is given; its weights, or None where the model holds them.
        facts: for the provenance, beside the loop's own.
        told: what the loop takes beside this (objective, validation); None is left out.
    """
    arguments = {
        "learning_rate": lr,
        **split_step(batch_size, micro_batch),
        "num_train_epochs": epochs,
        "warmup_steps": warmup_ratio,
        "weight_decay": weight_decay,
        "lr_scheduler_type": schedule,
        "bf16": precision == "bf16",
        "seed": seed,
        **spare_memory(gradient_checkpointing),
    }
    counted = count_weights(model)
    outcome = run_loop(
        model,
        examples,
        collate,
        out / "saves",
        arguments,
        label=label,
        save_steps=save_steps,
        classes=base.head is not None,
        **{key: value for key, value in told.items() if value is not None},
    )
    found = {
        "steps": outcome.steps,
        "final_loss": outcome.final_loss,
        **counted,
        **facts,
        **outcome.facts,
    }
    checkpoint = out / "checkpoint"
    if is_first():
        shutil.rmtree(checkpoint, ignore_errors=True)
        with hush():
            write(checkpoint, outcome.weights)
        (checkpoint / "training.json").write_text(json.dumps(found), encoding="utf-8")
    wait()
    return checkpoint


def write_classifier(
    model: Any, base: Any, found: Headed, start: Path | None, pad: int | None, folder: Path, weights: Any = None
) -> None:
    """Write a classifier: an adapter with its head, or a model with its labels; either with ``head.json`` beside it."""
    write_model(model, base, folder, start, weights)
    write_head(folder, Head(found.labels, base.head.kind), pad)
