"""One evaluation: tasks × (base and checkpoints), asked once, stored, and replayed through lm-eval."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.checkpoint import Checkpoint, read_base, read_checkpoints
from lorafair.errors import LorafairError
from lorafair.launch.shard import Shard
from lorafair.settings import check_limit


@dataclass(frozen=True)
class EvaluationPlan:
    """Everything that a user chooses about an evaluation.

    ``until_decided``: a metric; a checkpoint is asked no more once it is decided whether it changed for some group, or
    by less than ``margin`` for all (:mod:`lorafair.serving.stopping`).  ``label_map``: a classifier's label to the
    tasks' (:mod:`lorafair.label_match`).  ``shard``: the part of the evaluation that is done here, None for all
    of it.
    """

    base: str
    checkpoints: tuple[str, ...]
    tasks: tuple[str, ...]
    out: Path
    engine: str = "auto"
    limit: float | None = None
    num_fewshot: int | None = None
    apply_chat_template: bool = False
    gen_kwargs: dict[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    dtype: str | None = None
    device: str | None = None
    engine_args: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    seed: int = 1234
    trust_remote_code: bool = False
    any_base: bool = False
    verify: bool = True
    until_decided: str | None = None
    margin: float | None = None
    label_map: dict[str, str] = field(default_factory=dict)
    shard: Shard | None = None


@dataclass(frozen=True)
class EvaluationOutcome:
    """What was done: results file per label, how many requests were asked and how many were there already.

    ``failed`` says of each checkpoint that was left out why; it has no new results.  ``broken`` says why a metric of a
    task has no number (its scorer failed), ``remarks`` what plugins did beside their work.
    """

    results: dict[str, Path]
    asked: int
    stored: int
    failed: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def evaluate(plan: EvaluationPlan, say: Callable[[str], None]) -> EvaluationOutcome:
    """Run an evaluation; answers are stored as they finish, and a second run asks only what is missing.

    Args:
        plan: what to evaluate.
        say: takes one line for the user (routing, what failed).

    Raises:
        LorafairError: for anything that the user can mend, before anything is generated where it can be known then.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from lorafair.classifying import check_classifiers, is_classifying
    from lorafair.preparation import base_dtype
    from lorafair.quantization import tell_quantized
    from lorafair.responses.store import ResponseStore
    from lorafair.result_file import check_same_base, read_complaints
    from lorafair.routing import Group, route_checkpoints
    from lorafair.serving.audit import Audit
    from lorafair.serving.stopping import check_until
    from lorafair.weight_check import check_finite

    check_limit(plan.limit)
    temperature = plan.gen_kwargs.get("temperature", 0.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or temperature < 0:
        raise LorafairError(f"The temperature {temperature!r} is no number of at least 0. Mend --gen-kwargs.")
    base = read_base(plan.base, plan.trust_remote_code)
    checkpoints = read_checkpoints(plan.checkpoints, base, plan.any_base)
    routes, moved = route_checkpoints(base, checkpoints, plan.engine)
    first, everyone = next(iter(routes)), [c for served in routes.values() for c in served]
    if plan.shard is not None:  # which engine answers for whom is decided over all, as without shards
        routes, moved = plan.shard.cut(routes), moved if base.label in plan.shard.labels else []
        checkpoints = [c for c in checkpoints if c.label in plan.shard.labels]
    for line in [*moved, *(note for checkpoint in checkpoints for note in checkpoint.notes)]:
        say(line)
    if plan.engine_args and len(routes) > 1:
        say(f"--engine-args go to {first} only.")
    check_until(plan.until_decided, plan.margin, list(routes))
    heads = everyone if is_classifying(everyone) else []
    check_classifiers(plan, everyone)
    check_same_base(plan.out, base.hash, base.name)
    dtype = plan.dtype or base_dtype(base)
    for line in [*_find_rounded(checkpoints, dtype), *tell_quantized(checkpoints, dtype)]:
        say(line)
    store = ResponseStore(plan.out / "responses", plan.shard.answered if plan.shard else None)
    with Audit(plan, base, store, first, say, heads) as audit:
        groups = deque(Group(name, tuple(served)) for name, served in routes.items())
        audit.warm(groups[0])
        check_finite([base, *checkpoints], dtype)
        with store:
            while groups:
                groups.extend(audit.serve(groups.popleft()))
            audit.finish()
        if store.damaged:
            say(f"{store.damaged} damaged lines in {store.folder} were not used; their requests were asked again.")
    results = {c.label: path for c in [base, *checkpoints] if (path := audit.results.get(c.label)) is not None}
    return EvaluationOutcome(results, audit.asked, audit.stored, audit.failed, *read_complaints(results.values()))


def _find_rounded(checkpoints: Sequence[Checkpoint], dtype: str) -> list[str]:
    """A line per full checkpoint whose weights are rounded to a narrower type than they were trained in."""
    from lorafair.preparation import base_dtype

    return [
        f"{c.label}: its weights are {base_dtype(c)} and are rounded to {dtype}, which can hide small updates that an "
        "adapter, added on top, would keep. --dtype float32 compares them exactly."
        for c in checkpoints
        if c.kind == "full" and base_dtype(c) == "float32" and dtype != "float32"
    ]
