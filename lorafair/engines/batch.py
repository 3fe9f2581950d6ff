"""Which requests an engine asks together: those of one checkpoint, and whole batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from lorafair.checkpoint import Checkpoint
from lorafair.responses.request import Request


def by_checkpoint(
    requests: Iterable[Request], checkpoints: Mapping[str, Checkpoint]
) -> list[tuple[Checkpoint, list[Request]]]:
    """Requests grouped by the checkpoint that answers: the base first, then adapters, then full models.

    Args:
        checkpoints: label to checkpoint, for every label that a request names.
    """
    order = {"base": 0, "adapter": 1, "full": 2}
    grouped: dict[str, list[Request]] = {}
    for request in requests:
        grouped.setdefault(request.checkpoint, []).append(request)
    labels = sorted(grouped, key=lambda label: order[checkpoints[label].kind])
    return [(checkpoints[label], grouped[label]) for label in labels]


def take_whole(
    requests: Sequence[Request], missing: Sequence[Request], cut: Callable[[Sequence[Request]], list[list[Request]]]
) -> list[Request]:
    """Of all requests those in a batch that holds a missing one; ``cut`` makes the batches of one checkpoint."""
    wanted = {request.key for request in missing}
    by_label: dict[str, list[Request]] = {}
    for request in requests:
        by_label.setdefault(request.checkpoint, []).append(request)
    batches = [batch for asked in by_label.values() for batch in cut(asked)]
    return [r for batch in batches if any(one.key in wanted for one in batch) for r in batch]
