"""Which requests an engine asks together: those of one checkpoint, and whole batches."""

from __future__ import annotations

from collections import defaultdict
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


def cut_batches(requests: Sequence[Request], size: int) -> list[list[Request]]:
    """Requests to one checkpoint in batches of at most ``size``: of one kind and its settings, long ones first."""
    groups: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        settings = repr(request.arguments[1]) if request.kind in ("generate_until", "next_words") else ""
        groups[f"{request.kind} {settings}"].append(request)
    ordered = [sorted(g, key=lambda r: (-len(str(r.arguments[0])), str(r.arguments), r.key)) for g in groups.values()]
    return [group[start : start + size] for group in ordered for start in range(0, len(group), size)]
