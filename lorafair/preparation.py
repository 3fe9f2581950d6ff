"""The tasks of an evaluation with their requests, built once for all checkpoints, and replayed through lm-eval."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.checkpoint import Checkpoint
from lorafair.collection import collect_later
from lorafair.engines.contract import EngineSettings
from lorafair.engines.tokenizer import apply_chat_template, load_tokenizer
from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.harness.document import Documents, remember_documents
from lorafair.label_frame import LabelFrame, ask_plainly, check_labels, frame_tasks
from lorafair.portion import Portion, narrow
from lorafair.responses.request import Texts, plan_requests

if TYPE_CHECKING:
    from lorafair.decision import Decision
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
        label_map=dict(plan.label_map),
    )


class Prepared:
    """The tasks with their requests, built once for all checkpoints.

    Args:
        heads: the checkpoints that answer, where they are classifiers: their requests hold documents and labels.
    """

    def __init__(
        self, plan: EvaluationPlan, base: Checkpoint, tasks: dict[str, Any], heads: Sequence[Checkpoint] = ()
    ) -> None:
        self.plan, self.base, self.tasks = plan, base, tasks
        self.tokenizer = _open_tokenizer(plan, base, heads)
        self.frame: LabelFrame | None = None
        self.heads = tuple(heads)
        if heads and "wordings" not in plan.metadata:
            ask_plainly(tasks["tasks"])
        if plan.apply_chat_template and not getattr(self.tokenizer, "chat_template", None):
            raise LorafairError(f"{base.name} has no chat template. Leave --apply-chat-template out.")
        for name, task in tasks["tasks"].items():
            _override(task, plan)
            task.set_fewshot_seed(seed=1234)
            from lm_eval.evaluator_utils import get_sample_size

            with collect_later(), _blame([name], "while it made its requests"):
                task.build_all_requests(
                    limit=get_sample_size(task, plan.limit),
                    rank=0,
                    world_size=1,
                    apply_chat_template=plan.apply_chat_template,
                    chat_template=(lambda chat, **kw: apply_chat_template(self.tokenizer, chat, **kw))
                    if plan.apply_chat_template
                    else None,
                    tokenizer_name=str(getattr(self.tokenizer, "name_or_path", "")) if plan.apply_chat_template else "",
                )
            if getattr(task, "MULTIMODAL", False) and not heads:
                raise LorafairError(f"The task {name} asks about images; text engines cannot answer it.")
            task.build_all_requests = lambda task=task, **_: _forget_answers(task)
        self._texts: Texts = {}
        self._documents = Documents()
        if heads:
            self.frame = frame_tasks(tasks["tasks"], heads)
            check_labels(self.frame, tasks["tasks"], heads, plan.label_map)
        self.versions = {name: str((t.config.metadata or {}).get("version", "")) for name, t in tasks["tasks"].items()}

    def requests(self, label: str, identity: dict[str, Any]) -> list[Any]:
        """Every request of every task to one checkpoint, in lm-eval's order: by kind, repeats beside each other."""
        instances = [i for task in self.tasks["tasks"].values() for i in task.instances]
        kinds = dict.fromkeys(i.request_type for i in instances)
        cloned = [i for kind in kinds for i in instances if i.request_type == kind for _ in range(i.repeats or 1)]
        return plan_requests(cloned, label, identity, self.versions, self.plan.seed, self._texts, self.frame)

    def list_documents(self) -> dict[str, dict[int, Any]]:
        """Task -> number -> document, of those that are asked."""
        return {
            name: {int(i.doc_id): i.doc for i in sorted(task.instances, key=lambda one: one.doc_id)}
            for name, task in self.tasks["tasks"].items()
        }

    def read_directions(self, metric: str) -> dict[str, bool | None]:
        """Task -> whether higher is better of a metric, None where the task does not say.

        Raises:
            LorafairError: naming the tasks that do not have the metric, and what they have.
        """
        name, found, faults = metric.partition(",")[0], dict[str, bool | None](), list[str]()
        for task, each in self.tasks["tasks"].items():
            known = [one for one in each.aggregation() if ":" not in one]
            if name not in known:
                faults.append(f"{task} has no metric {metric!r}: it has {', '.join(known)}.{did_you_mean(name, known)}")
            found[task] = (each.higher_is_better() or {}).get(name)
        raise_faults("--until-decided asks about a metric that is not there", faults)
        return found

    def replay(
        self,
        checkpoint: Checkpoint,
        identity: dict[str, Any],
        answers: dict[str, Any],
        finding: Finding | None,
        portion: Portion | None = None,
        decision: Decision | None = None,
    ) -> Path:
        """Run lm-eval over the stored answers of one checkpoint and write its results and samples.

        Args:
            portion: the documents that were asked, where asking stopped early; ``decision`` says why it did.
        """
        from lorafair.evaluation_fact import describe_run
        from lorafair.result_file import write_result

        results = self._evaluate(checkpoint, identity, answers, portion)
        results |= describe_run(self.plan, self.base, checkpoint, identity, finding)
        if checkpoint.head is not None and self.frame is not None:
            head: dict[str, Any] = {"labels": list(checkpoint.head.labels), "kind": checkpoint.head.kind}
            head |= {"label_map": self.plan.label_map, "base_answers": any(c.kind == "base" for c in self.heads)}
            results["lorafair"]["head"] = head
        if decision is not None:
            results["lorafair"]["decision"] = decision.model_dump()
        with collect_later():
            return write_result(self.plan.out, checkpoint.label, results)

    def score(
        self, checkpoint: Checkpoint, identity: dict[str, Any], answers: dict[str, Any], portion: Portion
    ) -> dict[str, dict[int, dict[str, float]]]:
        """Task -> document -> metric -> value over stored answers; a metric is called as a leaderboard calls it."""
        found: dict[str, dict[int, dict[str, float]]] = {}
        for task, samples in self._evaluate(checkpoint, identity, answers, portion)["samples"].items():
            many = len({sample["filter"] for sample in samples}) > 1
            for sample in samples:
                values = found.setdefault(task, {}).setdefault(int(sample["doc_id"]), {})
                for metric in sample["metrics"]:
                    if isinstance(sample.get(metric), bool | int | float):
                        values[f"{metric},{sample['filter']}" if many else metric] = float(sample[metric])
        return found

    def _evaluate(
        self, checkpoint: Checkpoint, identity: dict[str, Any], answers: dict[str, Any], portion: Portion | None
    ) -> Any:
        from lm_eval.evaluator import evaluate as run_lm_eval

        from lorafair.responses.replay import ReplayLM

        known = (self.versions, self.plan.seed, answers, portion, self._texts, self.frame)
        lm = ReplayLM(self.tokenizer, checkpoint.label, identity, *known)
        with (
            collect_later(),
            remember_documents(self._documents),
            _blame(list(self.tasks["tasks"]), f"on the stored answers of {checkpoint.label}"),
            contextlib.nullcontext(self.tasks) if portion is None else narrow(self.tasks, portion) as tasks,
        ):
            return run_lm_eval(
                lm=lm,
                task_dict=tasks,
                limit=self.plan.limit if portion is None else None,
                samples=None if portion is None else {name: list(portion[name]) for name in tasks["tasks"]},
                bootstrap_iters=0,
                log_samples=True,
                apply_chat_template=self.plan.apply_chat_template,
            )


def _open_tokenizer(plan: EvaluationPlan, base: Checkpoint, heads: Sequence[Checkpoint]) -> Any:
    """The base's tokenizer; None for classifiers, which bring their own, or read images."""
    return None if heads else load_tokenizer(base, plan.trust_remote_code)


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
