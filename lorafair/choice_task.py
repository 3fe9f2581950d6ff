"""A multiple-choice task for lm-eval whose documents Python prepares: options, wordings, provenance, few-shot examples.

A task's package derives its own class: which options it has, which questions, and how its documents are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lm_eval.api.metrics import mean
from lm_eval.api.samplers import get_sampler
from lm_eval.api.task import ConfigurableTask

from lorafair.data.document_set import (
    DocumentSet,
    count_without_groups,
    cut_words,
    leave_out_empty,
    require_documents,
)
from lorafair.data.option import Check, count_from, read_options, some_of
from lorafair.data.wording import Wording, ask_in_wordings, word_plainly
from lorafair.errors import LorafairError
from lorafair.task_document import Documents

TRAIN = "train"


class ChoiceTask(ConfigurableTask):  # type: ignore[misc]
    """Texts with labels, asked in one or several wordings; what is missing stops the run while the task is loaded.

    ``CHECKS``: the options that the YAML's ``metadata:`` gives defaults for, beside ``wordings`` and ``max_words``.
    ``WORDINGS``: by name; their answers stand for the classes in the order of the labels.
    """

    CHECKS: ClassVar[Mapping[str, Check]] = {}
    WORDINGS: ClassVar[Mapping[str, Wording]] = {}

    def prepare(self, options: Mapping[str, Any]) -> DocumentSet:
        """The documents that these options speak of; a task that has training documents knows ``part: train``."""
        raise NotImplementedError

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read options and documents.

        Raises:
            LorafairError: for options that do not exist, and for data that are missing or another.
        """
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        common = {"wordings": some_of(self.WORDINGS), "max_words": count_from(0)}
        self.options = read_options(metadata, {**self.CHECKS, **common}, config["task"])
        self.wordings = [self.WORDINGS[name] for name in self.options["wordings"]]
        self.found = self._complete(self.prepare(self.options))
        self.documents = Documents(ask_in_wordings(self.found.documents, self.wordings))
        told = {"data": self.found.data, "remarks": [f"{config['task']}: {each}" for each in self.found.remarks]}
        super().__init__(
            config={
                **config,
                "metadata": metadata | self.options | told,
                "output_type": "multiple_choice",
                "doc_to_choice": "choices",
                "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
                "test_split": "test",
            }
        )

    def ask_plainly(self) -> None:
        """Show each text once, as it is, with the classes' names for answers: what a classifier is asked."""
        if len(classes := self.config.metadata.get("classes") or ()) < 2:
            return
        plain = word_plainly(classes)
        self.wordings = [plain]
        self.documents[:] = ask_in_wordings(self.found.documents, [plain])
        self.config.metadata["wordings"] = [plain.name]

    def finish(self, found: DocumentSet) -> DocumentSet:
        """What is to be done once texts are cut; nothing, unless a task says otherwise."""
        return found

    def _complete(self, found: DocumentSet) -> DocumentSet:
        cut = self.finish(cut_words(leave_out_empty(found), self.options["max_words"]))
        return require_documents(count_without_groups(cut), f"The data of {type(self).__name__}")

    def add_metrics(self, names: Sequence[str]) -> None:
        """Metrics of :meth:`process_results` beside ``acc``: means of a number per document, the higher the better."""
        self._aggregation_list |= dict.fromkeys(names, mean)
        self._higher_is_better |= dict.fromkeys(names, True)

    def download(self, *_: Any, **__: Any) -> None:
        """Hand lm-eval the documents that are already there."""
        self.dataset = {"test": self.documents}

    def fewshot_docs(self) -> list[dict[str, Any]] | None:
        """None: examples are read when somebody asks for them (:meth:`set_config`), not whenever the task is loaded."""
        return None

    def set_config(self, key: str, value: Any, update: bool = False) -> None:
        """As lm-eval's; few-shot examples come from the training part, in the one wording of the question.

        Raises:
            LorafairError: for examples where there is no such part, or where several wordings would mix.
        """
        if key == "num_fewshot" and value:
            if self.options.get("part") != "test" or len(self.wordings) > 1:
                raise LorafairError(
                    f"The task {self.config.task} has no {value} examples to show: they come from the training part, "
                    "in the wording of the question. Ask for the test part in one wording, as in --metadata "
                    f'\'{{"part": "test", "wordings": "{self.wordings[0].name}"}}\', or leave --num_fewshot out.'
                )
            train = self._complete(self.prepare(self.options | {"part": TRAIN}))
            examples = ask_in_wordings(train.documents, self.wordings)
            self.sampler = get_sampler("default")(examples, rnd=None)
        super().set_config(key, value, update=update)

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """The text in its question; the document itself keeps the plain ``text``, for classification heads."""
        return next(one for one in self.wordings if one.name == doc["wording"]).ask(doc)

    def doc_to_choice(self, doc: Mapping[str, Any], doc_to_choice: Any = None) -> list[str]:
        """The answers that are compared."""
        return list(doc["choices"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> int:
        """The label: the number of the right answer."""
        return int(doc["label"])
