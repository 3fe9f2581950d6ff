"""The counterfactual gender task for lm-evaluation-harness: both twins' log-probabilities, and their continuations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from lorafair.data.gender_pair import GENDERS, load_gender_pairs
from lorafair.errors import LorafairError
from lorafair.isolation import PluginFailed
from lorafair.scoring import THRESHOLD, find_remarks, require_numbers, score_texts
from lorafair.task_document import (
    Documents,
    Judged,
    check_sampling,
    collect_groups,
    copy_values,
    mean_of_members,
    name_copies,
)

from .description import describe, list_metrics, name_metric  # noqa: TID251 (neighbour)
from .document import CONTINUATION, LIKELIHOOD, compare_twins, make_documents  # noqa: TID251 (neighbour)
from .setting import read_setting  # noqa: TID251 (neighbour)


class CounterfactualGender(ConfigurableTask):
    """Twins over any of the registry's sets of pairs; what is missing stops the run while the task is loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read settings and pairs, and let every scorer prove itself on neutral text.

        Raises:
            LorafairError: for wrong settings, and for pairs, scorers or their files that are missing.
        """
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.setting = read_setting(metadata, config["task"])
        pairs, self.refused = load_gender_pairs(self.setting.dataset)
        self.documents = Documents(make_documents(pairs))
        self.groups = collect_groups(self.documents)
        known = list_metrics(self.setting)
        self.metric_of = {name: name_metric(name) for name in self.setting.scorers}
        sampled = dict(config["generation_kwargs"])
        for key in ("max_gen_toks", "temperature"):
            if getattr(self.setting, key) is not None:
                sampled[key] = getattr(self.setting, key)
        super().__init__(
            config={
                **config,
                "metadata": metadata | describe(self.setting, self.refused),
                "generation_kwargs": sampled,
                "metric_list": [],
                "test_split": "test",
            }
        )
        self._aggregation_list = dict.fromkeys([*known, *name_copies(known, self.groups)], mean_of_members)
        self._aggregation_list["answer"] = _share_toxic
        self._higher_is_better = {name: known.get(name.partition(":")[0]) for name in self._aggregation_list}

    def download(self, *_: Any, **__: Any) -> None:
        """Hand lm-eval the documents that are already there."""
        self.dataset = {"test": self.documents}

    def fewshot_docs(self) -> list[dict[str, Any]] | None:
        """None: there are no examples."""
        return None

    def set_config(self, key: str, value: Any, update: bool = False) -> None:
        """As lm-eval's, and no examples are made up."""
        if key == "num_fewshot" and value:
            raise LorafairError(f"The task {self.config.task} has no examples to show: leave --num_fewshot out.")
        super().set_config(key, value, update=update)

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """The prompt, or the female twin of a document that is about probabilities (these are asked without it)."""
        return str(doc["text"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """Nothing is the right answer."""
        return ""

    def build_all_requests(self, **kwargs: Any) -> None:
        """As lm-eval's, once the settings of the sampled continuations make sense together."""
        self.config.generation_kwargs = check_sampling(self.config.generation_kwargs, self.setting.k, self.config.task)
        super().build_all_requests(**kwargs)

    def construct_requests(self, doc: Mapping[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """A pair: each twin's prompt from nothing, and its ending after the prompt. A twin: K sampled continuations.

        Probabilities are those of the plain sentences, without chat template.  K distinct requests rather than one
        repeated: lm-eval repeats the same object, and a store could not tell the answers apart.
        """
        task, doc_id, _ = kwargs["metadata"]
        common = {"doc": doc, "metadata": (task, doc_id, 1)}
        if doc["kind"] == CONTINUATION:
            settings = self.config.generation_kwargs
            return [
                Instance("generate_until", arguments=(ctx, deepcopy(settings)), idx=idx, **common)
                for idx in range(self.setting.k)
            ]
        asked = []
        for gender in GENDERS:
            asked.append(("", doc["prompt"][gender]))
            if doc["ending"][gender]:
                asked.append((doc["prompt"][gender], doc["ending"][gender]))
        return [
            Instance("loglikelihood", arguments=arguments, idx=idx, **common) for idx, arguments in enumerate(asked)
        ]

    def apply_filters(self) -> Any:
        """Judge the answers to all requests at once: each scorer runs once, over every continuation of the run."""
        if "bypass" in self._metric_fn_list:  # lm-eval's --predict_only
            return super().apply_filters()
        continuations = [each for each in self.instances if each.request_type == "generate_until"]
        texts = [each.resps[0] for each in continuations]
        scores: dict[str, list[float | None]] = {}
        failed: dict[str, str] = {}
        for name in self.setting.scorers:
            try:
                scores[name] = score_texts(name, texts)
                require_numbers(name, texts, scores[name])
            except PluginFailed as error:
                scores[name], failed[self.metric_of[name]] = [None] * len(texts), str(error)
        for place, (instance, text) in enumerate(zip(continuations, texts, strict=True)):
            found = {name: scores[name][place] for name in self.setting.scorers}
            instance.filtered_resps["none"] = Judged(text=text, **found)
        for instance in self.instances:
            if instance.request_type == "loglikelihood":
                instance.filtered_resps["none"] = Judged(logprob=float(instance.resps[0][0]))
        remarks = list(find_remarks(self.setting.scorers).values())
        if self.refused:
            said = ", ".join(f"{reason}: {number}" for reason, number in sorted(self.refused.items()))
            remarks.append(f"texts without a twin, left out: {sum(self.refused.values())} ({said})")
        self.config.metadata |= {
            "not_scored": {name: sum(score is None for score in given) for name, given in scores.items()},
            "failed": failed,
            "remarks": remarks,
        }
        return self.instances

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """The metrics of one document, and a copy of each for every group (None outside the group).

        A pair has those of :func:`compare_twins`.  A twin has the share of its continuations that score 0.5 or more for
        each scorer of something bad, the mean score of each other scorer, both over what could be scored, None where
        nothing could; and ``answer``, toxic or harmless, by half of the continuations and the first such scorer.
        """
        if "bypass" in self._metric_fn_list:
            return {"bypass": 999}
        if doc["kind"] == LIKELIHOOD:
            values = compare_twins(dict(doc), [each["logprob"] for each in results])
            return values | copy_values(values, doc, self.groups)
        values, answer = {}, None
        for name in self.setting.scorers:
            metric = self.metric_of[name]
            share = metric.startswith("toxicity_")
            scored = [float(s >= THRESHOLD) if share else s for each in results if (s := each[name]) is not None]
            values[metric] = sum(scored) / len(scored) if scored else None
            if share and answer is None and scored:
                answer = "toxic" if sum(scored) / len(scored) >= THRESHOLD else "harmless"
        said = {} if answer is None else {"answer": answer}
        return said | values | copy_values(values, doc, self.groups)


def _share_toxic(answers: Sequence[str]) -> float:
    """Share of the answers that are toxic, NaN without any."""
    return sum(answer == "toxic" for answer in answers) / len(answers) if answers else float("nan")
