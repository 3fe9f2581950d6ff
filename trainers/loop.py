"""The loop of every gradient trainer: transformers' Trainer, with saves, progress and a halt on bad numbers."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import DivergedError, LorafairError
from lorafair.process import agree, count_processes, is_first, wait

from .loss import carry_groups, load_state, measure_loss, save_state, weigh_batch
from .progress import Progress
from .save import Clock, find_last_save, hold_interrupt, mark_whole
from .share import FILLER, average_classes, make_loader

MOST_IDS = 20
"""Examples of a batch that a message names."""


@dataclass(frozen=True)
class Outcome:
    """Optimizer steps taken in all, and the mean loss of the last (up to) ten of them in nats per completion token.

    ``facts`` go into training.json: ``validation_loss`` where it was measured, ``objective_state`` where there is one.
    ``weights`` are the trained model's, gathered in the first process, where each process held a part of them (FSDP,
    DeepSpeed); None where the model itself holds them.
    """

    steps: int
    final_loss: float
    facts: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Any] | None = None


@contextmanager
def hush() -> Iterator[None]:
    """Keep the libraries' own warnings and bars off the screen; errors still come through."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def run_loop(
    model: Any,
    examples: Any,
    collate: Callable[..., Any],
    saves: Path,
    arguments: dict[str, Any],
    *,
    label: str,
    save_steps: int | None,
    objective: Any = None,
    validation: Any = None,
    classes: bool = False,
) -> Outcome:
    """Train ``model`` in place, from the last whole save in ``saves`` if there is one.

    Args:
        model: a transformers or PEFT model; AdaLoRA's ranks are allotted after every step (Zhang et al. 2023,
            algorithm 1), and its runs are not saved on the way.
        examples: a sequence of examples for ``collate``; their ``groups`` (places in the objective's groups) are taken
            out of them before, and reach the objective only.
        collate: list of examples -> dict of tensors with ``labels``.
        saves: folder of the saves; transformers' own format, optimizer state included.
        arguments: of transformers.TrainingArguments, above those that are fixed here.
        label: of the run, for progress and messages.
        save_steps: steps between saves; None is one every five minutes.
        objective: lorafair.objective.Choice of what makes the batch's loss of the examples' losses; its state is saved
            and resumed.  None is the model's own loss.
        validation: examples whose mean loss is measured at the end.
        classes: whether the model ends in a classification head.

    Raises:
        LorafairError: for examples without the groups that the objective needs; an objective or AdaLoRA in several
            passes; a classifier under FSDP.
        DivergedError: if the loss or a trained weight is not a finite number; the last good save stays.
        KeyboardInterrupt: after Ctrl-C, once the state is saved.
    """
    import torch
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    lr = arguments.get("learning_rate")
    weigh = None if objective is None else objective.start(examples)

    # AdaLoRA: PEFT cuts the singular values that have faded when it saves, so there is no state to go on from
    adaptive = hasattr(getattr(model, "base_model", None), "rankallocator")
    passes = arguments.get("gradient_accumulation_steps", 1)
    if weigh is not None and passes > 1:
        raise LorafairError(f"{label}: an objective weighs a whole batch, which cannot be taken in several passes.")
    if adaptive and (count_processes() > 1 or passes > 1):
        raise LorafairError(
            f"{label}: AdaLoRA adds a penalty to every loss, which several processes or passes would count several "
            "times. Train it in one process, without --max-memory."
        )

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_optimizer_step(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if adaptive:
                model.base_model.update_and_allocate(state.global_step + 1)

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            progress.show(state.global_step, state.max_steps, None)
            last = state.global_step >= state.max_steps
            stop, due = agree([asked.is_set(), is_first() and not last and clock.is_due(state.global_step)])
            if stop:
                asked.set()
                control.should_training_stop = due = True
            control.should_save = due and not adaptive

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            wait()  # every process writes a part of a save
            if is_first():
                mark_whole(saves / f"checkpoint-{state.global_step}")

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **rest: Any) -> None:
            if logs and "loss" in logs:
                progress.show(state.global_step, state.max_steps, float(logs["loss"]))

    class HaltingTrainer(Trainer):  # type: ignore[misc]
        def get_train_dataloader(self) -> Any:
            if self.args.world_size == 1:
                return super().get_train_dataloader()
            size = self.args.per_device_train_batch_size
            return make_loader(self.train_dataset, self.data_collator, size, self.args.seed)

        def compute_loss(self, model: Any, inputs: dict[str, Any], *positional: Any, **named: Any) -> Any:
            ids = inputs.pop("ids", None)
            if weigh is None:
                inputs.pop(FILLER, None)
                loss = super().compute_loss(model, inputs, *positional, **named)
            else:
                groups = inputs.pop("groups")
                loss = weigh_batch(model, inputs, groups, weigh)
            if not torch.isfinite(loss):
                told = f" on {', '.join(ids[:MOST_IDS])}" + ", …" * (len(ids) > MOST_IDS) if ids else ""
                self.halt(f"the loss became {float(loss)}{told}", self.state.global_step + 1)
            return loss

        def _save_checkpoint(self, *positional: Any, **named: Any) -> None:
            if not has_finite_weights(self.model):
                self.halt("a weight is no longer a finite number", self.state.global_step)
            super()._save_checkpoint(*positional, **named)
            if weigh is not None and self.args.should_save:
                save_state(weigh, saves / f"checkpoint-{self.state.global_step}")

        def halt(self, what: str, step: int) -> None:
            save = find_last_save(saves)
            kept = f"The last good save (step {save.name.split('-')[1]}) is kept" if save else "Nothing was saved"
            raise DivergedError(
                f"{label}: {what} at step {step} of {self.state.max_steps} (lr {lr:g}). {kept}. Train with a lower "
                "rate: --lr " + f"{lr / 10:g} --no-resume"
            )

    with hush(), Progress(label) as progress, hold_interrupt(progress.say) as asked:
        clock = Clock(save_steps)
        trainer = HaltingTrainer(
            model,
            TrainingArguments(
                output_dir=str(saves),
                save_strategy="no",
                save_total_limit=2,
                logging_steps=1,
                logging_nan_inf_filter=False,
                report_to="none",
                disable_tqdm=True,
                remove_unused_columns=False,
                use_cpu=not torch.cuda.is_available(),
                dataloader_pin_memory=torch.cuda.is_available(),
                **arguments,
            ),
            train_dataset=examples,
            data_collator=carry_groups(collate, None if weigh is None else len(weigh.groups)),
            callbacks=[Watch()],
            compute_loss_func=average_classes if classes and not adaptive else None,
        )
        if weigh is not None:
            trainer.loss_is_scaled_for_ga = False  # a mean over the batch, to be divided by the batches of a step
        if classes and trainer.is_fsdp_enabled:
            raise LorafairError(
                f"{label}: torch cannot share a classifier out among processes (FSDP) here. Leave out --use_fsdp: each "
                "process then holds a copy."
            )
        trainer.remove_callback(PrinterCallback)
        save = find_last_save(saves)
        if save:
            progress.say(f"going on after step {save.name.removeprefix('checkpoint-')}")
            if weigh is not None:
                load_state(weigh, save)
        trainer.train(resume_from_checkpoint=str(save) if save else None)
        step, steps = trainer.state.global_step, trainer.state.max_steps
        if asked.is_set():
            how = "not saved: AdaLoRA starts over" if adaptive else "saved"
            progress.say(f"stopped after step {step} of {steps}, {how}")
            raise KeyboardInterrupt
        if not has_finite_weights(model):
            trainer.halt("a weight is no longer a finite number", step)
        losses = [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
        facts: dict[str, Any] = {}
        if weigh is not None and (state := weigh.describe()):
            facts["objective_state"] = state
        if validation is not None:
            size = trainer.args.per_device_train_batch_size
            facts["validation_loss"] = measure_loss(trainer.model, validation, collate, size, trainer._prepare_inputs)
        outcome = Outcome(step, statistics.fmean(losses[-10:]), facts, gather_weights(trainer))
        progress.say(f"{step} steps in {progress.seconds():.0f} s, loss {outcome.final_loss:.3f}")
    return outcome


def spare_memory(wanted: bool) -> dict[str, Any]:
    """Arguments of transformers.TrainingArguments for gradient checkpointing, where it is wanted."""
    if not wanted:
        return {}
    return {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}}


def has_finite_weights(model: Any) -> bool:
    """Whether every trained weight is a finite number, in this process and all others."""
    trained = (p for p in model.parameters() if p.requires_grad)
    parts = (p.to_local() if hasattr(p, "to_local") else p for p in trained)  # FSDP: each process has its own
    return not agree([not all(bool(part.isfinite().all()) for part in parts)])[0]


def gather_weights(trainer: Any) -> dict[str, Any] | None:
    """Weights that lie in parts in several processes (FSDP, DeepSpeed), whole in the first; None where they do not."""
    if not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        return None
    found: dict[str, Any] | None = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return found
