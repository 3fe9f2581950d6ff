"""Asking an engine for the answers that the store does not hold yet, each stored as it finishes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from lorafair.responses.request import Request
from lorafair.responses.store import ResponseStore

if TYPE_CHECKING:
    from lorafair.serving.supervision import Supervisor

FORMS = (
    "Python types are expected: a str for generate_until, (float, bool) for loglikelihood, a float for "
    "loglikelihood_rolling, a list of str for next_words"
)


def ask_missing(
    supervisor: Supervisor,
    requests: Sequence[Request],
    store: ResponseStore,
    content: Mapping[str, str],
    answers: dict[str, dict[str, Any]],
    show: bool = True,
    finish: Callable[[str], None] = lambda label: None,
) -> int:
    """Ask what is missing; the engine is started only if anything is.

    Args:
        supervisor: asks the engine; a checkpoint whose log-probabilities are no numbers is added to its ``failed``.
        requests: everything that the run needs of this engine.
        content: checkpoint label to content hash, under which its answers are stored.
        answers: checkpoint label to ``{key: answer}``, filled in place.
        show: whether to show progress.
        finish: is told each checkpoint whose requests are all answered, as soon as they are.

    Returns:
        How many requests were answered.

    Raises:
        LorafairError: from the engine or the store; what was answered before stays stored.
    """
    missing = [r for r in requests if r.key not in answers[r.checkpoint]]
    left = Counter(r.checkpoint for r in missing)
    for label in dict.fromkeys(r.checkpoint for r in requests):
        if not left[label]:
            finish(label)
    if not missing:
        return 0
    from lorafair.responses.progress import AskingProgress

    asked = 0
    with AskingProgress(requests, missing) if show else nullcontext() as progress:
        for request, answer in supervisor.ask(missing, requests):
            label = request.checkpoint
            if (fault := find_fault(request, answer)) is not None:
                supervisor.fail(label, fault)
            if label in supervisor.failed:
                if progress is not None:
                    progress.drop(label)
                continue
            store.write(content[label], request, answer)
            answers[label][request.key] = answer
            asked += 1
            left[label] -= 1
            if progress is not None:
                progress.advance(request)
            if not left[label]:
                finish(label)
    return asked


def find_fault(request: Request, answer: Any) -> str | None:
    """Why an answer cannot be used (not of the request's form, or a log-probability that is no number), or None."""
    nats = answer
    if request.kind == "loglikelihood":
        nats = answer[0] if isinstance(answer, list | tuple) and len(answer) == 2 else None
    if request.kind == "generate_until":
        fits = isinstance(answer, str)
    elif request.kind == "next_words":
        fits = isinstance(answer, list) and all(isinstance(word, str) for word in answer)
    else:
        fits = isinstance(nats, float | int)
    if not fits:
        return f"its engine answers {request.kind} with {str(answer)[:80]!r}, a {type(answer).__name__} ({FORMS})"
    if request.kind.startswith("loglikelihood") and math.isnan(nats):
        return (
            "it answers with log-probabilities that are not numbers (NaN): its weights are broken, or overflow in this "
            "dtype. Try --dtype float32; if it stays, leave it out or train it again"
        )
    return None
