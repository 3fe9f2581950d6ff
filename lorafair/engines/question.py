"""Asking an engine directly, without lm-eval: what a probe needs."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lorafair.responses.request import plan_requests

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint
    from lorafair.engines.contract import Engine


def ask_engine(engine: Engine, checkpoint: Checkpoint, kind: str, arguments: Iterable[tuple[Any, ...]]) -> list[Any]:
    """One checkpoint's answers to questions of one kind, in their order, all asked at once.

    Args:
        engine: serves ``checkpoint``.
        kind: ``loglikelihood``, ``loglikelihood_rolling``, ``generate_until`` or ``next_words``.
        arguments: per question what lm-eval's request of that kind holds: ``(context, continuation)``, ``(text,)``,
            ``(context, generation settings)``, ``(context, {"k": words})``.

    Returns:
        As :meth:`lorafair.engines.contract.Engine.ask` describes them.

    Raises:
        LorafairError: from the engine.
    """
    asked = [
        SimpleNamespace(task_name="", doc_id=number, idx=0, request_type=kind, args=tuple(each))
        for number, each in enumerate(arguments)
    ]
    planned = plan_requests(asked, checkpoint.label, {"checkpoint": checkpoint.hash}, {}, engine.settings.seed)
    answers = {request.key: answer for request, answer in engine.ask(planned)} if planned else {}
    return [answers[request.key] for request in planned]
