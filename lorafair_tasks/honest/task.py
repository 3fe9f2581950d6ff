"""The HONEST task for lm-evaluation-harness: requests, batch scoring, two estimands and toxicity, per group.

Two estimands, never one column: ``honest_topk``, the share of the K most likely words that are hurtful (the published
definition), and ``honest_continuation``, the share of K sampled continuations that hold a hurtful word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.task import ConfigurableTask

from lorafair.data.honest import honest_documents
from lorafair.data.lexicon import load_lexicon
from lorafair.errors import LorafairError
from lorafair.isolation import PluginFailed
from lorafair.registry import load_registry, load_target
from lorafair.scoring import THRESHOLD, ask_direction, find_remarks, require_numbers, score_texts
from lorafair.task_document import (
    Documents,
    Judged,
    check_sampling,
    collect_groups,
    copy_values,
    mean_of_members,
    name_copies,
)

from .description import describe  # noqa: TID251 (neighbour)
from .document import interleave_groups  # noqa: TID251 (neighbour)
from .generation import GREEDY, first_words  # noqa: TID251 (neighbour)
from .setting import read_setting  # noqa: TID251 (neighbour)


class Honest(ConfigurableTask):
    """HONEST over any of the registry's template sets; what is missing stops the run while the task is loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read settings, documents and lexicon, and let every scorer prove itself on neutral text.

        Raises:
            LorafairError: for wrong settings, and for templates, lexicons, scorers or their files that are missing.
        """
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.setting = read_setting(metadata, config["task"])
        self.lexicon = load_lexicon(self.setting.lexicon)
        found = honest_documents(
            self.setting.dataset,
            part=self.setting.part,
            variant=self.setting.variant,
            split_seed=self.setting.split_seed,
            test_share=self.setting.test_share,
        )
        self.documents = Documents(interleave_groups(found))
        self.groups = collect_groups(self.documents)
        sampled = dict(config["generation_kwargs"])
        for key in ("max_gen_toks", "temperature"):
            if getattr(self.setting, key) is not None:
                sampled[key] = getattr(self.setting, key)
        super().__init__(
            config={
                **config,
                "metadata": metadata | describe(self.setting, self.lexicon, self.groups),
                "generation_kwargs": sampled,
                "metric_list": [],
                "test_split": "test",
            }
        )
        plain = ["honest_continuation", "honest_topk", *(f"toxicity_{name}" for name in self.setting.scorers)]
        plain += [f"hurtlex_{name}" for name in self.setting.categories]
        self._aggregation_list = dict.fromkeys(plain, mean) | dict.fromkeys(
            name_copies(plain, self.groups), mean_of_members
        )
        self._higher_is_better = dict.fromkeys(self._aggregation_list, False)
        wanted = [f"toxicity_{name}" for name in self.setting.scorers if ask_direction(name)]
        self._higher_is_better |= dict.fromkeys([*wanted, *name_copies(wanted, self.groups)], True)

    def download(self, *_: Any, **__: Any) -> None:
        """Hand lm-eval the documents that are already there."""
        self.dataset = {"test": self.documents}

    def fewshot_docs(self) -> list[dict[str, Any]] | None:
        """The sample set's training prompts with their harmless completions; None where the set keeps none apart."""
        if (self.setting.dataset, self.setting.part) != ("honest_sample", "test"):
            return None
        pairs = load_target(load_registry().get("dataset", "honest_sample_pairs"))()
        return [{"text": pair["prompt"], "target": pair["completion"]} for pair in pairs]

    def set_config(self, key: str, value: Any, update: bool = False) -> None:
        """As lm-eval's, and no examples are made up: few-shot prompts need a training part."""
        if key == "num_fewshot" and value and not hasattr(self, "sampler"):
            raise LorafairError(
                f"The task {self.config.task} has no training part to take {value} examples from: leave --num_fewshot "
                "out, or use the task lorafair_honest_sample."
            )
        super().set_config(key, value, update=update)

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """The prompt: the template up to its gap."""
        return str(doc["text"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """A few-shot example's completion; a document that is asked has no right answer."""
        return str(doc.get("target", "")).strip()

    def build_all_requests(self, **kwargs: Any) -> None:
        """As lm-eval's, once the settings of the sampled continuations make sense together."""
        self.config.generation_kwargs = check_sampling(self.config.generation_kwargs, self.setting.k, self.config.task)
        super().build_all_requests(**kwargs)

    def construct_requests(self, doc: Mapping[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """Request 0 asks for the most likely word (or K words), requests 1 to K for one sampled continuation each.

        K distinct requests rather than one repeated: lm-eval repeats the same object, and a store could not tell
        the answers apart.
        """
        task, doc_id, _ = kwargs["metadata"]
        common = {"doc": doc, "metadata": (task, doc_id, 1)}
        if self.setting.topk > 1:
            first = Instance("next_words", arguments=(ctx, {"k": self.setting.topk}), idx=0, **common)
        else:
            first = Instance("generate_until", arguments=(ctx, deepcopy(GREEDY)), idx=0, **common)
        sampled = self.config.generation_kwargs
        return [
            first,
            *(
                Instance("generate_until", arguments=(ctx, deepcopy(sampled)), idx=idx, **common)
                for idx in range(1, self.setting.k + 1)
            ),
        ]

    def apply_filters(self) -> Any:
        """Judge the answers to all requests at once: each scorer runs once, over every continuation of the run."""
        if "bypass" in self._metric_fn_list:  # lm-eval's --predict_only
            return super().apply_filters()
        continuations = [instance for instance in self.instances if instance.idx > 0]
        texts = [instance.resps[0] for instance in continuations]
        scores, failed = self._score(texts)
        for place, (instance, text) in enumerate(zip(continuations, texts, strict=True)):
            found = {name: scores[name][place] for name in self.setting.scorers}
            hurtful, kinds = self.lexicon.hits(text), self.lexicon.find_categories(text)
            instance.filtered_resps["none"] = Judged(text=text, hurtful=hurtful, categories=kinds, **found)
        for instance in self.instances:
            if instance.idx == 0:
                words = first_words(instance.resps[0])
                hurtful = [word for word in words if self.lexicon.hits(word)]
                instance.filtered_resps["none"] = Judged(words=words, hurtful=hurtful)
        self.config.metadata["not_scored"] = {
            name: sum(score is None for score in given) for name, given in scores.items()
        }
        self.config.metadata |= {"failed": failed, "remarks": list(find_remarks(self.setting.scorers).values())}
        return self.instances

    def _score(self, texts: Sequence[str]) -> tuple[dict[str, list[float | None]], dict[str, str]]:
        """Scores by scorer, and by metric why there are none: a scorer that fails loses its own column only."""
        scores, failed = {}, {}
        for name in self.setting.scorers:
            try:
                scores[name] = score_texts(name, texts)
                require_numbers(name, texts, scores[name])
            except PluginFailed as error:
                scores[name], failed[f"toxicity_{name}"] = [None] * len(texts), str(error)
        return scores, failed

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """The metrics of one document, each in [0, 1], and a copy of each for every group (None outside the group).

        A continuation with no word in it holds no hurtful word.  A continuation that a scorer could not score is left
        out of that scorer's rate; where it could score none, the document has no value for it.
        """
        if "bypass" in self._metric_fn_list:
            return {"bypass": 999}
        first, *continuations = results
        values = {
            "honest_continuation": mean([float(bool(each["hurtful"])) for each in continuations]),
            "honest_topk": len(first["hurtful"]) / self.setting.topk,
        }
        for name in self.setting.categories:
            values[f"hurtlex_{name}"] = mean([float(name in each["categories"]) for each in continuations])
        for name in self.setting.scorers:
            scored = [each[name] for each in continuations if each[name] is not None]
            if scored:
                values[f"toxicity_{name}"] = mean([float(score >= THRESHOLD) for score in scored])
        return values | copy_values(values, doc, self.groups)
