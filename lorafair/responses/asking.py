"""Asking an engine for the answers that the store does not hold yet, each stored as it finishes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lorafair.errors import LorafairError
from lorafair.responses.request import Request
from lorafair.responses.store import ResponseStore


def ask_missing(
    start_engine: Callable[[], Any],
    requests: Sequence[Request],
    store: ResponseStore,
    content: Mapping[str, str],
    answers: dict[str, dict[str, Any]],
) -> int:
    """Ask what is missing, with a progress bar per checkpoint; the engine is started only if anything is.

    Args:
        start_engine: makes the engine.
        requests: everything that the run needs of this engine.
        content: checkpoint label to content hash, under which its answers are stored.
        answers: checkpoint label to ``{key: answer}``, filled in place.

    Returns:
        How many requests were asked.

    Raises:
        LorafairError: from the engine or the store, and where a log-probability is not a number; what was answered
            before stays stored.
    """
    missing = [r for r in requests if r.key not in answers[r.checkpoint]]
    if not missing:
        return 0
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    engine = start_engine()
    try:
        with Progress(*columns) as progress:
            wanted = Counter(r.checkpoint for r in requests)
            left = Counter(r.checkpoint for r in missing)
            bars = {
                label: progress.add_task(f"asking {label}", total=wanted[label], completed=wanted[label] - count)
                for label, count in left.items()
            }
            for request, answer in engine.ask(missing):
                check_answer(request, answer)
                store.write(content[request.checkpoint], request, answer)
                answers[request.checkpoint][request.key] = answer
                progress.advance(bars[request.checkpoint])
    finally:
        engine.close()
    return len(missing)


def check_answer(request: Request, answer: Any) -> None:
    """Refuse log-probabilities that are no numbers.

    Raises:
        LorafairError: naming the checkpoint.
    """
    nats = answer[0] if request.kind == "loglikelihood" else answer
    if request.kind.startswith("loglikelihood") and math.isnan(nats):
        raise LorafairError(
            f"{request.checkpoint} answers with log-probabilities that are not numbers (NaN): its weights are broken, "
            "or overflow in this dtype. Try --dtype float32; if it stays, leave it out or train it again. Nothing of "
            "it became a result; the answers of the others are stored."
        )
