"""The tasks of an evaluation with their requests, built once for all checkpoints, and replayed through lm-eval."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import EngineSettings
from lorafair.engines.tokenizer import apply_chat_template, load_tokenizer
from lorafair.errors import LorafairError

if TYPE_CHECKING:
    from lorafair.evaluation import EvaluationPlan
    from lorafair.serving.judgement import Finding


def base_dtype(base: Checkpoint) -> str:
    """The dtype that the base's config names, or float32."""
    return str(base.config.get("dtype") or base.config.get("torch_dtype") or "float32")


def engine_settings(plan: EvaluationPlan, base: Checkpoint, first: bool) -> EngineSettings:
    """How an engine of this evaluation is run; ``--engine-args`` are the first engine's."""
    return EngineSettings(
        dtype=plan.dtype or base_dtype(base),
        device=plan.device,
        batch_size=plan.batch_size,
        seed=plan.seed,
        trust_remote_code=plan.trust_remote_code,
        extra=dict(plan.engine_args) if first else {},
    )


class Prepared:
    """The tasks with their requests, built once for all checkpoints."""

    def __init__(self, plan: EvaluationPlan, base: Checkpoint, tasks: dict[str, Any]) -> None:
        self.plan, self.base, self.tasks = plan, base, tasks
        self.tokenizer = load_tokenizer(base, plan.trust_remote_code)
        if plan.apply_chat_template and not self.tokenizer.chat_template:
            raise LorafairError(f"{base.name} has no chat template. Leave --apply-chat-template out.")
        for name, task in tasks["tasks"].items():
            _override(task, plan)
            task.set_fewshot_seed(seed=1234)
            from lm_eval.evaluator_utils import get_sample_size

            with _blame([name], "while it made its requests"):
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

    def requests(self, label: str, identity: dict[str, Any]) -> list[Any]:
        """Every request of every task to one checkpoint, in lm-eval's order: by kind, repeats beside each other."""
        from lorafair.responses.request import plan_requests

        instances = [i for task in self.tasks["tasks"].values() for i in task.instances]
        kinds = dict.fromkeys(i.request_type for i in instances)
        cloned = [i for kind in kinds for i in instances if i.request_type == kind for _ in range(i.repeats or 1)]
        return plan_requests(cloned, label, identity, self.versions, self.plan.seed)

    def replay(
        self, checkpoint: Checkpoint, identity: dict[str, Any], answers: dict[str, Any], finding: Finding | None
    ) -> Path:
        """Run lm-eval over the stored answers of one checkpoint and write its results and samples."""
        from lm_eval.evaluator import evaluate as run_lm_eval

        from lorafair.evaluation_fact import describe_run
        from lorafair.responses.replay import ReplayLM
        from lorafair.result_file import write_result

        lm = ReplayLM(self.tokenizer, checkpoint.label, identity, self.versions, self.plan.seed, answers)
        with _blame(list(self.tasks["tasks"]), f"on the stored answers of {checkpoint.label}"):
            results = run_lm_eval(
                lm=lm,
                task_dict=self.tasks,
                limit=self.plan.limit,
                bootstrap_iters=0,
                log_samples=True,
                apply_chat_template=self.plan.apply_chat_template,
            )
        results |= describe_run(self.plan, self.base, checkpoint, identity, finding)
        return write_result(self.plan.out, checkpoint.label, results)


@contextlib.contextmanager
def _blame(names: Sequence[str], when: str) -> Iterator[None]:
    """What a task's own code raises as one message, with the place in it; nothing that was answered is lost."""
    try:
        yield
    except LorafairError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        what = f"The task {names[0]}" if len(names) == 1 else f"One of the tasks {', '.join(names)}"
        raise LorafairError(
            f"{what} failed {when}: {type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno}). Mend "
            "it, or leave it out, and give the same command again: what was answered is stored."
        ) from error


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


def quiet() -> None:
    """Keep lm-eval's and transformers' chatter out of our output."""
    import logging
    import warnings

    for name in ("lm_eval", "lm-eval", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)
