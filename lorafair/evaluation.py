"""One evaluation: tasks × (base and checkpoints), asked once, stored, and replayed through lm-eval."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lorafair.checkpoint import Checkpoint, read_base, read_checkpoints
from lorafair.errors import LorafairError


@dataclass(frozen=True)
class EvaluationPlan:
    """Everything that a user chooses about an evaluation."""

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


@dataclass(frozen=True)
class EvaluationOutcome:
    """What was done: results file per label, and how many requests were asked and how many were there already."""

    results: dict[str, Path]
    asked: int
    stored: int


def evaluate(plan: EvaluationPlan, say: Callable[[str], None]) -> EvaluationOutcome:
    """Run an evaluation; answers are stored as they finish, and a second run asks only what is missing.

    Args:
        plan: what to evaluate.
        say: takes one line for the user (routing, progress in words).

    Raises:
        LorafairError: for anything that the user can mend, before anything is generated where it can be known then.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from lorafair.responses.asking import ask_missing
    from lorafair.responses.store import ResponseStore
    from lorafair.result_file import check_same_base
    from lorafair.routing import load_engine, route_checkpoints
    from lorafair.task import load_tasks
    from lorafair.weight_check import check_finite

    if plan.limit is not None and plan.limit <= 0:
        raise LorafairError(f"--limit {plan.limit:g} leaves no document. Give a number above 0, or a share below 1.")
    temperature = plan.gen_kwargs.get("temperature", 0.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or temperature < 0:
        raise LorafairError(f"The temperature {temperature!r} is no number of at least 0. Mend --gen-kwargs.")
    base = read_base(plan.base, plan.trust_remote_code)
    checkpoints = read_checkpoints(plan.checkpoints, base, plan.any_base)
    routes, moved = route_checkpoints(base, checkpoints, plan.engine)
    for line in [*moved, *(note for checkpoint in checkpoints for note in checkpoint.notes)]:
        say(line)
    if plan.engine_args and len(routes) > 1:
        say(f"--engine-args go to {next(iter(routes))} only.")
    check_finite([base, *checkpoints], plan.dtype or base_dtype(base))
    check_same_base(plan.out, base.hash, base.name)
    for line in _find_rounded(checkpoints, plan.dtype or base_dtype(base)):
        say(line)
    _quiet()
    tasks = load_tasks(plan.tasks, plan.metadata)
    prepared = _Prepared(plan, base, tasks)
    outcome: dict[str, Path] = {}
    asked = stored = 0
    with ResponseStore(plan.out / "responses") as store:
        for name, served in routes.items():
            engine_class = load_engine(name)
            settings = prepared.engine_settings(first=name == next(iter(routes)))
            identities = {c.label: engine_class.identify(settings) | _identify(base, c) for c in served}
            requests = [r for c in served for r in prepared.requests(c.label, identities[c.label])]
            answers = {c.label: store.read(c.hash) for c in served}
            start = partial(engine_class, base, [c for c in served if c.kind != "base"], settings)
            new = ask_missing(start, requests, store, {c.label: c.hash for c in served}, answers)
            asked += new
            stored += len(requests) - new
            for checkpoint in served:
                identity = identities[checkpoint.label]
                outcome[checkpoint.label] = prepared.replay(checkpoint, identity, answers[checkpoint.label])
    if store.damaged:
        say(f"{store.damaged} damaged lines in {store.folder} were not used; what they had answered was asked again.")
    return EvaluationOutcome(outcome, asked, stored)


def _identify(base: Checkpoint, checkpoint: Checkpoint) -> dict[str, str]:
    return {"base": base.hash, "checkpoint": checkpoint.hash}


def base_dtype(base: Checkpoint) -> str:
    """The dtype that the base's config names, or float32."""
    return str(base.config.get("dtype") or base.config.get("torch_dtype") or "float32")


def _find_rounded(checkpoints: Sequence[Checkpoint], dtype: str) -> list[str]:
    """A line per full checkpoint whose weights are rounded to a narrower type than they were trained in."""
    return [
        f"{c.label}: its weights are {base_dtype(c)} and are rounded to {dtype}, which can hide small updates that an "
        "adapter, added on top, would keep. --dtype float32 compares them exactly."
        for c in checkpoints
        if c.kind == "full" and base_dtype(c) == "float32" and dtype != "float32"
    ]


class _Prepared:
    """The tasks with their requests, built once for all checkpoints."""

    def __init__(self, plan: EvaluationPlan, base: Checkpoint, tasks: dict[str, Any]) -> None:
        from lorafair.engines.contract import apply_chat_template, load_tokenizer

        self.plan, self.base, self.tasks = plan, base, tasks
        self.tokenizer = load_tokenizer(base, plan.trust_remote_code)
        if plan.apply_chat_template and not self.tokenizer.chat_template:
            raise LorafairError(f"{base.name} has no chat template. Leave --apply-chat-template out.")
        for name, task in tasks["tasks"].items():
            _override(task, plan)
            task.set_fewshot_seed(seed=1234)
            from lm_eval.evaluator_utils import get_sample_size

            task.build_all_requests(
                limit=get_sample_size(task, plan.limit),
                rank=0,
                world_size=1,
                apply_chat_template=plan.apply_chat_template,
                chat_template=(lambda chat, **kw: apply_chat_template(self.tokenizer, chat, **kw))
                if plan.apply_chat_template
                else None,
                tokenizer_name=str(self.tokenizer.name_or_path) if plan.apply_chat_template else "",
            )
            if getattr(task, "MULTIMODAL", False):
                raise LorafairError(f"The task {name} asks about images; text engines cannot answer it.")
            task.build_all_requests = lambda task=task, **_: _forget_answers(task)
        self.versions = {name: str((t.config.metadata or {}).get("version", "")) for name, t in tasks["tasks"].items()}

    def engine_settings(self, first: bool) -> Any:
        from lorafair.engines.contract import EngineSettings

        plan = self.plan
        dtype = plan.dtype or base_dtype(self.base)
        return EngineSettings(
            dtype=dtype,
            device=plan.device,
            batch_size=plan.batch_size,
            seed=plan.seed,
            trust_remote_code=plan.trust_remote_code,
            extra=dict(plan.engine_args) if first else {},
        )

    def requests(self, label: str, identity: dict[str, Any]) -> list[Any]:
        """Every request of every task to one checkpoint, in lm-eval's order: by kind, repeats beside each other."""
        from lorafair.responses.request import plan_requests

        instances = [i for task in self.tasks["tasks"].values() for i in task.instances]
        kinds = dict.fromkeys(i.request_type for i in instances)
        cloned = [i for kind in kinds for i in instances if i.request_type == kind for _ in range(i.repeats or 1)]
        return plan_requests(cloned, label, identity, self.versions, self.plan.seed)

    def replay(self, checkpoint: Checkpoint, identity: dict[str, Any], answers: dict[str, Any]) -> Path:
        """Run lm-eval over the stored answers of one checkpoint and write its results and samples."""
        from lm_eval.evaluator import evaluate as run_lm_eval

        from lorafair.evaluation_fact import describe_run
        from lorafair.responses.replay import ReplayLM
        from lorafair.result_file import write_result

        lm = ReplayLM(self.tokenizer, checkpoint.label, identity, self.versions, self.plan.seed, answers)
        results = run_lm_eval(
            lm=lm,
            task_dict=self.tasks,
            limit=self.plan.limit,
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=self.plan.apply_chat_template,
        )
        results |= describe_run(self.plan, self.base, checkpoint, identity)
        return write_result(self.plan.out, checkpoint.label, results)


def _override(task: Any, plan: EvaluationPlan) -> None:
    """The command line's generation settings and few-shot number, as lm-eval's simple_evaluate applies them."""
    if plan.gen_kwargs and task.get_config("output_type") == "generate_until":
        task.set_config(key="generation_kwargs", value=plan.gen_kwargs, update=True)
    default = task.get_config("num_fewshot")
    if plan.num_fewshot is not None and default != 0:
        task.set_config(key="num_fewshot", value=plan.num_fewshot)
    elif default is None:
        task.set_config(key="num_fewshot", value=0)


def _forget_answers(task: Any) -> None:
    """Make a task's requests ready for the next checkpoint."""
    for instance in task.instances:
        instance.resps = []
        instance.filtered_resps = {}


def _quiet() -> None:
    import logging
    import warnings

    for name in ("lm_eval", "lm-eval", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)


def parse_settings(text: str, option: str) -> dict[str, Any]:
    """Settings given as JSON or as ``key=value,key=value``.

    Raises:
        LorafairError: if the text is neither, naming the option.
    """
    import json

    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise LorafairError(f"{option}: {text!r} is not valid JSON ({error}).") from error
        return dict(found)
    settings: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, sign, value = part.partition("=")
        if not sign or not key.strip():
            raise LorafairError(f"{option}: {part!r} is no key=value. Write key=value,key=value or a JSON object.")
        try:
            settings[key.strip()] = json.loads(value)
        except ValueError:
            settings[key.strip()] = {"True": True, "False": False, "None": None}.get(value, value)
    return settings
