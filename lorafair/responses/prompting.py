"""Asking a model prompts of our own, outside any task: through the same engines, store and supervision as a task's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lorafair.checkpoint import read_base
from lorafair.errors import LorafairError

if TYPE_CHECKING:
    from lorafair.evaluation import EvaluationPlan


def ask_prompts(
    plan: EvaluationPlan,
    name: str,
    prompts: Sequence[str],
    settings: Mapping[str, Any],
    times: int,
    say: Callable[[str], None],
) -> list[list[str]]:
    """A base's continuations of prompts, stored in ``plan.out/responses`` as they finish; what is stored is not asked.

    Args:
        plan: whose ``base``, engine, dtype, device, batch size and seed are used.
        name: what the requests are called, in keys and messages.
        prompts: n texts, handed on just as they are.
        settings: of the generation, as lm-eval's.
        times: continuations of each prompt.
        say: takes one line for the user.

    Returns:
        n lists of ``times`` texts.

    Raises:
        LorafairError: if the base cannot be read or served.
    """
    from lorafair.preparation import engine_settings, quiet
    from lorafair.responses.asking import ask_missing
    from lorafair.responses.request import plan_requests
    from lorafair.responses.store import ResponseStore
    from lorafair.routing import identify_engine, load_engine, route_checkpoints
    from lorafair.serving.session import open_session
    from lorafair.serving.supervision import Supervisor

    quiet()
    base = read_base(plan.base, plan.trust_remote_code)
    engine = next(iter(route_checkpoints(base, [], plan.engine)[0]))
    chosen = engine_settings(replace(plan, checkpoints=()), base, first=True)
    identity = identify_engine(engine, chosen) | {"base": base.hash, "checkpoint": base.hash}
    instances = [
        SimpleNamespace(
            args=(prompt, dict(settings)), task_name=name, doc_id=number, idx=time, request_type="generate_until"
        )
        for number, prompt in enumerate(prompts)
        for time in range(times)
    ]
    requests = plan_requests(instances, base.label, identity, {}, plan.seed)
    supervisor = Supervisor(
        partial(open_session, engine, base, [], chosen),
        say,
        partial(load_engine(engine).with_neighbours, settings=chosen),
    )
    with ResponseStore(plan.out / "responses") as store:
        answers = {base.label: store.read(base.hash)}
        try:
            ask_missing(supervisor, requests, store, {base.label: base.hash}, answers)
        finally:
            supervisor.close()
    if why := supervisor.failed.get(base.label):
        raise LorafairError(f"The base {base.name} cannot be asked: {why}.")
    texts = [answers[base.label][request.key] for request in requests]
    return [texts[at : at + times] for at in range(0, len(texts), times)]
