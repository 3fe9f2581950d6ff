"""Classification of images: vision transformers with a head, cross entropy of the labels."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from .fit import fit, start_classifier, write_classifier
from .save import find_last_save
from .share import split_step


def image(
    base: Any,
    data: Any,
    method: Any,
    out: Path,
    *,
    lr: float,
    label: str = "image",
    seed: int = 13,
    epochs: float = 1.0,
    batch_size: int = 8,
    warmup_ratio: float = 0.0,
    weight_decay: float = 0.0,
    schedule: str = "linear",
    precision: str = "fp32",
    save_steps: int | None = None,
    gradient_checkpointing: bool = False,
    micro_batch: int | None = None,
    new_head: bool = False,
    flip: bool = True,
    objective: Any = None,
    validation: Any = None,
) -> Path:
    """Train a classifier of images and write it as a plain PEFT adapter with its head, or a plain Hugging Face model.

    Images are resized by the base's own processor (Pillow, no cropping of ours), once for all runs of a sweep; half of
    them, drawn anew for every batch from the run's seed, are turned left to right (as Ding et al. 2024 train).  The
    loss is the mean cross entropy of the batch.  The loop is that of ``sft``.

    Args:
        base: lorafair.base.Base with a head; ``fresh_head()`` is called once.
        data: lorafair.data.labelled.Labelled of images.
        method: a PEFT config, or None to train every weight; one for texts is made one for images.
        out, lr, label, seed, epochs, batch_size, warmup_ratio, weight_decay, schedule, precision, save_steps: as in
            ``sft``; the seed draws the head, too.
        gradient_checkpointing, micro_batch, new_head, objective, validation: as in ``classify``.
        flip: whether images are turned; those of ``validation`` never are.

    Returns:
        ``out/checkpoint`` as in ``classify``.

    Raises:
        LorafairError: as ``classify``; and naming the images that cannot be read.
        KeyboardInterrupt: after Ctrl-C, once the state is saved.
    """
    found, model, start = start_classifier(base, method, seed=seed, start=out / "start", new_head=new_head)
    pixels = data.prepare(base.processor, found.labels)
    save = find_last_save(out / "saves")
    done = int(save.name.removeprefix("checkpoint-")) if save else 0
    passes = count_passes(len(pixels), batch_size, micro_batch)
    return fit(
        model,
        base,
        Turnable(pixels) if flip else pixels,
        stack_images(pixels, seed, done, passes),
        out,
        lambda folder, weights: write_classifier(model, base, found, start, None, folder, weights),
        facts={
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
        validation=validation and validation.prepare(base.processor, found.labels),
    )


class Turnable(Sequence[dict[str, Any]]):
    """Examples that may be turned left to right."""

    def __init__(self, examples: Any) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, at: Any) -> Any:
        return {**self._examples[at], "turn": True}


def count_passes(examples: int, batch_size: int, micro_batch: int | None) -> tuple[int, int]:
    """(passes that a step takes, passes of an epoch); the last step of an epoch may take fewer."""
    asked = split_step(batch_size, micro_batch)["gradient_accumulation_steps"]
    return asked, ceil(examples / (batch_size // asked))


def stack_images(
    pixels: Any, seed: int, done: int = 0, passes: tuple[int, int] = (1, 1)
) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """A collator: examples -> ``pixel_values`` (batch, channels, height, width), ``labels`` (batch,), ``ids``.

    Which images are turned follows from the seed, the number of the batch and the image, so that an interrupted run
    goes on as it would have.

    Args:
        pixels: lorafair.data.picture.Pixels, which normalises.
        seed: of the run.
        done: steps that an earlier process has taken.
        passes: see :func:`count_passes`.
    """
    import numpy as np
    import torch

    of_step, of_epoch = passes
    steps = ceil(of_epoch / of_step)
    begun = done // steps * of_epoch + done % steps * of_step
    number = itertools.count(begun)

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        taken = next(number) if any(example.get("turn") for example in examples) else 0
        batch = taken // of_epoch * steps + taken % of_epoch // of_step
        rows = []
        for example in examples:
            values = np.asarray(example["pixels"])
            turned = example.get("turn") and _toss(f"{seed}\n{batch}\n{example['id']}")
            rows.append(values[:, :, ::-1] if turned else values)
        return {
            "pixel_values": torch.from_numpy(pixels.normalise(np.stack(rows))),
            "labels": torch.tensor([example["label"] for example in examples]),
            "ids": [example["id"] for example in examples],
        }

    return collate


def _toss(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1
