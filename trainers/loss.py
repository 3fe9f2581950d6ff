"""The loss of each example by itself, whatever the head, and the examples' groups on their way past the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lorafair.process import count_processes

from .share import FILLER, IGNORED, gather_examples

STATE = "objective.safetensors"


def compute_losses(logits: Any, labels: Any) -> Any:
    """Cross entropy of each example, in nats.

    Args:
        logits: torch (batch, tokens, vocabulary) of a language model, or (batch, classes) of a classification head.
            Positions that the model puts in front of the text (prompt tuning) are passed over.
        labels: (batch, tokens) with IGNORED where there is no loss, each told by the position before it, as in
            transformers; or (batch,).

    Returns:
        torch float32 (batch,): the mean over an example's labels that count, 0 where none does.
    """
    import torch

    if logits.dim() == 2:
        return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
    logits = logits[:, -labels.shape[1] :]
    targets = labels[:, 1:].to(logits.device)
    scores = logits[:, :-1].float().transpose(1, 2)
    each = torch.nn.functional.cross_entropy(scores, targets, reduction="none", ignore_index=IGNORED)
    counted = (targets != IGNORED).sum(dim=1)
    return each.sum(dim=1) / counted.clamp(min=1)


def carry_groups(collate: Callable[[Any], dict[str, Any]], size: int | None) -> Callable[[Any], dict[str, Any]]:
    """A collator that takes ``groups`` (places of its groups) out of each example before ``collate`` sees it.

    Args:
        collate: list of examples -> dict of tensors.
        size: G, for a bool (batch, G) ``groups`` in the batch; None leaves groups out.
    """
    import torch

    def carry(examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        if size is None and not any("groups" in example for example in examples):
            return collate(examples)
        batch = collate([{k: v for k, v in example.items() if k != "groups"} for example in examples])
        batch.pop("groups", None)
        if size is not None:
            inside = torch.zeros((len(examples), size), dtype=torch.bool)
            for number, example in enumerate(examples):
                inside[number, list(example.get("groups", ()))] = True
            batch["groups"] = inside
        return batch

    return carry


def weigh_batch(model: Any, inputs: dict[str, Any], groups: Any, objective: Any) -> Any:
    """The loss of a batch under an objective, a scalar; the model itself is not asked for one.

    Among several processes each sees the losses of all, so that the objective is that of the whole batch and what it
    remembers is the same in all; the gradient of this process's part is multiplied by their number, which averaging the
    gradients takes back.

    Args:
        inputs: of the model, and ``labels``; ``filler`` where this process's batch stands for nothing.
        groups: torch bool (batch, G).
        objective: (losses, groups, labels or None) -> scalar.
    """
    labels, apart = inputs["labels"], ("labels", FILLER)
    outputs = model(**{key: value for key, value in inputs.items() if key not in apart})
    losses = compute_losses(outputs["logits"], labels)
    classes = labels if labels.dim() == 1 else None
    if count_processes() == 1:
        return objective(losses, groups, classes)
    loss = objective(*gather_examples(losses, groups, classes, bool(inputs.get(FILLER))))
    return loss.detach() + count_processes() * (loss - loss.detach())


def measure_loss(
    model: Any, examples: Sequence[Any], collate: Callable[[Any], dict[str, Any]], batch_size: int, prepare: Any
) -> float:
    """Mean over ``examples`` of each one's loss (nats), the model in evaluation mode and put back as it was.

    Args:
        prepare: moves a batch to the model's device.
    """
    import torch

    plain, training, total = carry_groups(collate, None), model.training, 0.0
    model.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(examples), batch_size):
                batch = prepare(plain([examples[i] for i in range(start, min(start + batch_size, len(examples)))]))
                labels = batch.pop("labels")
                batch.pop("ids", None)
                total += float(compute_losses(model(**batch)["logits"], labels).double().sum())
    finally:
        model.train(training)
    return total / len(examples)


def save_state(objective: Any, folder: Path) -> None:
    """Write what an objective remembers into a save; nothing for one without memory."""
    from safetensors.torch import save_file

    state = {key: value.detach().cpu().contiguous() for key, value in objective.state_dict().items()}
    if state:
        save_file(state, folder / STATE)


def load_state(objective: Any, folder: Path) -> None:
    """Give an objective back what :func:`save_state` wrote into a save."""
    from safetensors.torch import load_file

    if (folder / STATE).exists():
        objective.load_state_dict(load_file(folder / STATE))
