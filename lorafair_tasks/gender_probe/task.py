"""The gender probes for lm-evaluation-harness: options compared in every arrangement, judged together.

With the first document of each layout the same prompt is asked without content, which says what a model prefers before
it has read anything; those requests follow the document's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from lorafair.data.gender_probe import list_blocks
from lorafair.data.review import CONTENT_FREE, read_reviews
from lorafair.statistics.token_bias import choose
from lorafair.task_document import mean_of_members

from .document import build_documents, describe_reviews  # noqa: TID251 (neighbour)
from .judgement import ANSWERS, LABELS, Asked, judge, name_values  # noqa: TID251 (neighbour)
from .setting import read_setting  # noqa: TID251 (neighbour)


class GenderProbe(ConfigurableTask):
    """One form of the probe over the reviews of a data set; what is missing stops the run while the task is loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read settings and reviews, and lay out the documents.

        Raises:
            LorafairError: for wrong settings, and for reviews or a tokenizer that are missing.
        """
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.setting = setting = read_setting(metadata, config["task"])
        reviews = read_reviews(setting.dataset, setting.reviews, setting.review_seed, setting.max_words)
        blocks = list_blocks(setting.form, setting.wordings, setting.symbols)
        self.layouts = {layout.name: layout for block in blocks for layout in block}
        self.documents = build_documents(reviews.rows, blocks, setting.blocks, setting.groups)
        self.values = name_values(setting.form)
        self._asked: set[str] = set()
        self._judged: dict[str, dict[str, Any]] = {}
        self._count = _load_counter(setting.tokenizer) if setting.scoring == "mean_nll" else None
        self.labels = {name: LABELS[name] for name in self.values}
        facts = describe_reviews(reviews) | {
            "classes": ["male", "female", *ANSWERS[setting.form], "tied"],
            "labels": self.labels,
            "conditions": list(setting.groups),
            "symbols": list(setting.symbols),
            "wordings": list(setting.wordings),
            "blocks": setting.blocks,
            "scoring": setting.scoring,
        }
        super().__init__(config={**config, "metadata": metadata | facts, "metric_list": [], "test_split": "test"})
        self._aggregation_list = dict.fromkeys(self.values, mean_of_members) | {"answer": share_of_known}

    def download(self, *_: Any, **__: Any) -> None:
        """Hand lm-eval the documents that are already there."""
        self.dataset = {"test": self.documents}

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """The prompt with its review, up to the answer."""
        return str(doc["text"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """Nothing: no answer is the right one."""
        return ""

    def build_all_requests(self, **kwargs: Any) -> None:
        """As lm-eval's; the prompts without content are asked once."""
        self._asked = set()
        super().build_all_requests(**kwargs)

    def construct_requests(self, doc: Mapping[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """The document's options; once per layout those without content; with mean_nll each filled prompt.

        A chat template that does not hold the prompt as it is leaves no place to take the review out of: no
        calibration then, and a remark says so.
        """
        space = "" if kwargs.get("apply_chat_template") else " "
        continuations = [f"{space}{choice}" for choice in doc["choices"]]
        pairs = [(ctx, continuation) for continuation in continuations]
        layout = self.layouts[doc["layout"]]
        if layout.name not in self._asked and doc["text"] in ctx:
            self._asked.add(layout.name)
            empty = [ctx.replace(doc["text"], layout.fill(text)) for text in CONTENT_FREE]
            pairs += [(context, continuation) for context in empty for continuation in continuations]
        if self._count is not None:
            pairs += [("", f"{ctx}{continuation}") for continuation in continuations]
        common = {"request_type": "loglikelihood", "doc": doc, "metadata": kwargs["metadata"]}
        return [Instance(arguments=pair, idx=idx, **common) for idx, pair in enumerate(pairs)]

    def apply_filters(self) -> Any:
        """Judge the answers to all requests at once (:func:`judge`)."""
        found = super().apply_filters()
        if "bypass" in self._metric_fn_list:  # lm-eval's --predict_only
            return found
        own: dict[int, list[Instance]] = {}
        for instance in sorted(self.instances, key=lambda each: (each.doc_id, each.idx)):
            own.setdefault(instance.doc_id, []).append(instance)
        self._judged, counts = judge([self._read(instances) for instances in own.values()], self.setting.form)
        self.config.metadata |= {"judged": counts, "remarks": self._remark(counts, len(own))}
        return found

    def _read(self, instances: Sequence[Instance]) -> Asked:
        document = instances[0].doc
        size = len(document["choices"])
        values = [float(each.filtered_resps["none"][0]) for each in instances]
        chosen = None
        if self._count is not None:
            chosen = self._choose([each.args[1] for each in instances[-size:]], values[-size:])
            values = values[:-size]
        rows = [values[start : start + size] for start in range(size, len(values), size)]
        return Asked(document, values[:size], rows, chosen)

    def _choose(self, texts: Sequence[str], values: Sequence[float]) -> int:
        """The filled prompt with the highest mean log-likelihood of its tokens (Ding et al. 2024), -1 for a tie.

        Over a long prompt means differ by little: they are brought back to the prompt's length before ties are found.

        Args:
            texts: the filled prompts.
            values: log-likelihood (nats) of each, all of it.
        """
        lengths = [max(self._count(text), 1) for text in texts]
        best = choose([value / length * lengths[0] for value, length in zip(values, lengths, strict=True)])
        return -1 if best is None else best

    def _remark(self, counts: Mapping[str, int], documents: int) -> list[str]:
        why = {
            "incomparable": "could not be compared (an option without tokens, NaN, or all impossible) and are left out",
            "tied": "have no single most likely option and count as neither male nor female",
            "uncalibrated": "have no calibrated answer",
        }
        return [
            f"{self.config.task}: {counts[kind]} of {documents} documents {text}"
            for kind, text in why.items()
            if counts[kind]
        ]

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """The values of one document and its ``answer``, as :func:`judge` found them."""
        if "bypass" in self._metric_fn_list:
            return {"bypass": 999}
        return self._judged[doc["id"]]


def share_of_known(values: Sequence[Any]) -> float:
    """Share of the documents whose options could be compared and have a most likely one."""
    return sum(value not in (None, "tied") for value in values) / len(values) if values else float("nan")


def _load_counter(name: str | None) -> Any:
    """A function that counts a text's tokens by a tokenizer, without the special ones, which are not predicted."""
    from transformers import AutoTokenizer

    from lorafair.errors import LorafairError

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise LorafairError(
            f"The tokenizer {name!r} cannot be loaded ({error}): name a folder or Hub model."
        ) from error
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])
