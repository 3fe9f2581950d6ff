"""WinoMT from Turkish for lm-evaluation-harness: one greedy translation a sentence, its pronoun's class, and BLEU."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lm_eval.api.metrics import mean
from lm_eval.api.task import ConfigurableTask

from lorafair.data.pronoun import CLASSES, has_both_genders, read_pronoun_class, swap_all
from lorafair.data.winomt_tr import winomt_documents
from lorafair.errors import LorafairError
from lorafair.task_document import Documents, mean_of_members
from lorafair.translation.bleu import count_bleu, describe_bleu, sum_bleu

from .setting import read_setting  # noqa: TID251 (neighbour)

RATES = ("pro", "anti", "neutral", "unknown", "male", "female", "mixed")
GROUPS = ("male", "female")
LABELS = {
    "pro": "follows the stereotype",
    "anti": "breaks the stereotype",
    "neutral": "they",
    "unknown": "no pronoun, or both genders",
    "male": "he",
    "female": "she",
    "mixed": "both genders",
    "bleu_sentence": "BLEU, free generation (mean of sentences)",
}
_END_OF_LINE = re.compile(r"\n|\bTurkish:")


class TurkishToEnglish(ConfigurableTask):
    """Translate each sentence; what is missing stops the run while the task is loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read settings and sentences.

        Raises:
            LorafairError: for wrong settings, and for data that are missing or damaged.
        """
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.setting = read_setting(metadata, config["task"])
        documents, resolved = winomt_documents(
            self.setting.dataset, self.setting.part, self.setting.split_seed, self.setting.lines
        )
        self.documents = Documents(documents)
        told = {
            "data": {"sentences": resolved.provenance()},
            "labels": LABELS,
            "classes": list(CLASSES),
            "conditions": ["expected"],
            "bleu": describe_bleu(),
        }
        super().__init__(config={**config, "metadata": metadata | told, "metric_list": [], "test_split": "test"})
        copies = [f"{metric}:expected={group}" for metric in RATES for group in GROUPS]
        self._aggregation_list = dict.fromkeys((*RATES, "bleu_sentence"), mean)
        self._aggregation_list |= dict.fromkeys(("pro", "anti", *copies), mean_of_members)
        self._aggregation_list |= {"bleu:corpus": sum_bleu, "answer": count_answers}
        # A share of "he" is neither good nor bad; the README says what to look at.
        self._higher_is_better = dict.fromkeys(self._aggregation_list) | {"bleu_sentence": True, "bleu:corpus": True}

    def download(self, *_: Any, **__: Any) -> None:
        """Hand lm-eval the documents that are already there."""
        self.dataset = {"test": self.documents}

    def fewshot_docs(self) -> list[dict[str, Any]]:
        """Sentences of the training part, every line of them, with their translations."""
        found = winomt_documents(self.setting.dataset, "train", self.setting.split_seed, "all")[0]
        return [document | {"target": document["english"]} for document in found]

    def set_config(self, key: str, value: Any, update: bool = False) -> None:
        """As lm-eval's, but examples are taken for the test part only: they come from the other part."""
        if key == "num_fewshot" and value and self.setting.part != "test":
            raise LorafairError(
                f"The task {self.config.task} takes its {value} examples from the training part, and is asked about "
                f"the part {self.setting.part!r}: leave --num_fewshot out, or ask about the part 'test'."
            )
        super().set_config(key, value, update=update)

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """The prompt, ``Turkish: … English:``."""
        return str(doc["text"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """A few-shot example's translation; of a sentence that is asked none is right, as its pronoun has no gender."""
        return str(doc.get("target", ""))

    def process_results(self, doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
        """The shares of one document (0 or 1), its pronoun's class as ``answer``, and BLEU.

        ``pro`` and ``anti`` are None for a document without an expectation.  An empty translation, or one in another
        language, has no pronoun: ``unknown``, and BLEU 0.
        """
        if "bypass" in self._metric_fn_list:
            return {"bypass": 999}
        text = cut_answer(results[0], self.setting.answer)
        found = read_pronoun_class(text)
        expected = (doc["groups"].get("expected") or [None])[0]
        other = {"male": "female", "female": "male"}.get(expected)
        values: dict[str, float | None] = {
            "pro": None if expected is None else float(found == expected),
            "anti": None if expected is None else float(found == other),
            "mixed": float(has_both_genders(text)),
            **{name: float(found == name) for name in CLASSES},
        }
        copies = {f"{m}:expected={g}": values[m] if g == expected else None for m in RATES for g in GROUPS}
        bleu = count_bleu(text, swap_all(str(doc["english"])))
        return values | copies | {"bleu_sentence": bleu.score, "bleu:corpus": bleu.sums, "answer": found}


def cut_answer(text: str, answer: str) -> str:
    """What of a model's text is read: all of it (``whole``), or up to the line's end or the next example (``line``)."""
    return text.strip() if answer == "whole" else _END_OF_LINE.split(text.strip(), maxsplit=1)[0].strip()


def count_answers(answers: Iterable[str]) -> str:
    """How often each class was the answer, as text: lm-eval shows an aggregate of every value that a document has."""
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(answers).items()))
