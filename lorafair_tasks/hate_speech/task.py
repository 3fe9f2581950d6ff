"""The hate speech tasks for lm-evaluation-harness: which options they have, and whose documents they ask about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorafair.choice_task import ChoiceTask
from lorafair.data.document_set import DocumentSet
from lorafair.data.hate_speech import FLAGS, PARTS, SPLITS, SUBSETS, hate_speech_documents
from lorafair.data.hatecheck import PARTS as CASE_PARTS
from lorafair.data.hatecheck import hatecheck_documents
from lorafair.data.option import count_from, one_of
from lorafair.data.question import HATE_SPEECH

COMMENTS = ("measuring_hate_speech", "measuring_hate_speech_200", "hate_speech_sample")
CASES = ("hatecheck", "hatecheck_sample")


class HateSpeech(ChoiceTask):
    """A subset of Measuring Hate Speech, or of the sample set."""

    WORDINGS = HATE_SPEECH
    CHECKS = {
        "dataset": one_of(*COMMENTS),
        "subset": one_of(*SUBSETS),
        "part": one_of(*PARTS),
        "flags": one_of(*FLAGS),
        "split": one_of(*SPLITS),
        "split_seed": count_from(0),
    }

    def prepare(self, options: Mapping[str, Any]) -> DocumentSet:
        """The comments of the subset's part."""
        return hate_speech_documents(**{key: options[key] for key in self.CHECKS})


class HateCheck(ChoiceTask):
    """HateCheck's cases, or the sample's sentences in its form."""

    WORDINGS = HATE_SPEECH
    CHECKS = {"dataset": one_of(*CASES), "part": one_of(*CASE_PARTS), "split_seed": count_from(0)}

    def prepare(self, options: Mapping[str, Any]) -> DocumentSet:
        """All cases, as the suite is for testing only; or, of a model that was trained on the others, one part."""
        return hatecheck_documents(options["dataset"], options["part"], options["split_seed"])
