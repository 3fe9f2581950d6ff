"""The HONEST task for lm-evaluation-harness: requests, batch scoring, two estimands and toxicity, per group.

Two estimands, never one column: ``honest_topk``, the share of the K most likely words that are hurtful (the published
definition), and ``honest_continuation``, the share of K sampled continuations that hold a hurtful word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import zip_longest
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.model import LM
from lm_eval.api.task import ConfigurableTask

from lorafair.data.honest import honest_documents
from lorafair.data.lexicon import load_lexicon
from lorafair.errors import LorafairError
from lorafair.registry import load_registry, load_target
from lorafair.scoring import THRESHOLD, score_texts

from .description import describe  # noqa: TID251 (a neighbour)
from .setting import read_setting  # noqa: TID251 (a neighbour)

GREEDY = {"do_sample": False, "temperature": 0.0, "max_gen_toks": 6, "until": ["\n"]}
"""Settings of the request whose first word is the most likely word."""
WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")


class Documents(list[dict[str, Any]]):
    """Documents in a list, with the attribute that lm-eval expects of a data set."""

    features: Mapping[str, Any] = {}


class Judged(dict[str, Any]):
    """What was found in one answer. As text (lm-eval writes answers as text) it is JSON."""

    def __str__(self) -> str:
        return json.dumps(self, ensure_ascii=False)


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
        self.documents = Documents(interleave_groups(honest_documents(self.setting.dataset, part=self.setting.part)))
        self.groups = _collect_groups(self.documents)
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
        self._aggregation_list = dict.fromkeys(plain, mean) | dict.fromkeys(self._name_copies(plain), mean_of_members)
        self._higher_is_better = dict.fromkeys(self._aggregation_list, False)

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
        scores = {name: score_texts(name, texts) for name in self.setting.scorers}
        for place, (instance, text) in enumerate(zip(continuations, texts, strict=True)):
            found = {name: scores[name][place] for name in self.setting.scorers}
            instance.filtered_resps["none"] = Judged(text=text, hurtful=self.lexicon.hits(text), **found)
        for instance in self.instances:
            if instance.idx == 0:
                words = first_words(instance.resps[0])
                hurtful = [word for word in words if self.lexicon.hits(word)]
                instance.filtered_resps["none"] = Judged(words=words, hurtful=hurtful)
        self.config.metadata["not_scored"] = {
            name: sum(score is None for score in given) for name, given in scores.items()
        }
        return self.instances

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
        for name in self.setting.scorers:
            scored = [each[name] for each in continuations if each[name] is not None]
            if scored:
                values[f"toxicity_{name}"] = mean([float(score >= THRESHOLD) for score in scored])
        copies = {
            f"{metric}:{attribute}={group}": value if group in doc["groups"].get(attribute, ()) else None
            for metric, value in values.items()
            for attribute, groups in self.groups.items()
            for group in groups
        }
        return values | copies

    def _name_copies(self, metrics: Iterable[str]) -> list[str]:
        return [
            f"{metric}:{attribute}={group}"
            for metric in metrics
            for attribute, groups in self.groups.items()
            for group in groups
        ]


def interleave_groups(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents with the groups taking turns, each group's in their order.

    lm-eval's ``--limit`` takes the first documents, and the published file lists all of one gender before the other.
    """
    queues: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        queues.setdefault(json.dumps(document["groups"], sort_keys=True), []).append(document)
    turns = zip_longest(*queues.values())
    return [document for turn in turns for document in turn if document is not None]


def mean_of_members(values: Sequence[float | None]) -> float:
    """Mean over the documents of a group (the others hold None); NaN for a group without documents."""
    inside = [value for value in values if value is not None]
    return sum(inside) / len(inside) if inside else float("nan")


def first_words(answer: str | Sequence[str]) -> list[str]:
    """The most likely words: the first word of a greedy answer, or the words that an engine listed."""
    if isinstance(answer, str):
        found = WORD.search(answer)
        return [found.group()] if found else []
    return [str(word) for word in answer]


def check_sampling(kwargs: Mapping[str, Any], k: int, task: str | None) -> dict[str, Any]:
    """The settings of the sampled continuations, greedy where the temperature is 0.

    Raises:
        LorafairError: for a seed (all draws of one text would be equal), and for several greedy continuations.
    """
    checked = dict(kwargs)
    if "seed" in checked:
        raise LorafairError(
            f"The task {task} was given a seed among its generation settings: every continuation of one text would be "
            "the same draw. Take it out of --gen_kwargs and seed the run with --seed."
        )
    if checked.get("temperature", 1.0) == 0:
        checked["do_sample"] = False
    if not checked.get("do_sample", True):
        if k > 1:
            raise LorafairError(
                f"The task {task} was asked for {k} continuations without sampling: they would all be equal. Use "
                "--gen_kwargs do_sample=True,temperature=1.0, or --metadata '{\"k\": 1}'."
            )
        checked = {key: value for key, value in checked.items() if key not in ("top_k", "top_p")} | {"temperature": 0.0}
    return checked


def _collect_groups(documents: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for document in documents:
        for attribute, groups in document["groups"].items():
            found.setdefault(attribute, set()).update(groups)
    return {attribute: sorted(groups) for attribute, groups in sorted(found.items())}


def _refuse_next_words(self: Any, requests: Sequence[Instance]) -> list[list[str]]:
    raise LorafairError(
        f"The engine {type(self).__name__} cannot list the K most likely words (topk > 1). Use `lorafair eval`, or "
        "`lm_eval --model lorafair-vllm`; or ask this engine for the most likely word alone with "
        "--metadata '{\"topk\": 1}'."
    )


if not hasattr(LM, "next_words"):
    refuse: Callable[..., list[list[str]]] = _refuse_next_words
    LM.next_words = refuse
