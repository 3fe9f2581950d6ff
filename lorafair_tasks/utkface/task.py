"""The tasks about faces for lm-evaluation-harness: a picture, and the names of its classes as choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lorafair.choice_task import ChoiceTask
from lorafair.data.document_set import DocumentSet, require_documents
from lorafair.data.face import LABELS, PARTS, face_documents
from lorafair.data.option import count_from, one_of
from lorafair.data.wording import Wording
from lorafair.errors import LorafairError


class Faces(ChoiceTask):
    """Faces with one kind of label; ``doc["image"]`` is the picture's path, and the prompt only names the picture."""

    LABEL: ClassVar[str]
    MULTIMODAL = True  # lm-eval itself then refuses models that read text only
    CHECKS = {"dataset": lambda value: str(value), "part": one_of(*PARTS), "split_seed": count_from(0)}

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read options and documents; there is one wording, and no text to cut.

        Raises:
            LorafairError: for options that do not exist, and for pictures that are missing.
        """
        super().__init__(
            {**config, "metadata": {**(config.get("metadata") or {}), "wordings": "class", "max_words": 0}}
        )

    def prepare(self, options: Mapping[str, Any]) -> DocumentSet:
        """The faces of the part."""
        return face_documents(self.LABEL, options["part"], options["dataset"], options["split_seed"])

    def _complete(self, found: DocumentSet) -> DocumentSet:
        return require_documents(found, f"The data set {self.options['dataset']}")

    def set_config(self, key: str, value: Any, update: bool = False) -> None:
        """As lm-eval's, without few-shot examples.

        Raises:
            LorafairError: for examples: a head reads one picture.
        """
        if key == "num_fewshot" and value:
            raise LorafairError(f"The task {self.config.task} shows no examples: leave --num_fewshot out.")
        super().set_config(key, value, update=update)

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """Which picture it is, with the hash of its file: a stored answer belongs to what was seen, wherever it lay."""
        return f"[picture {doc['sha256']}]"


class FaceGender(Faces):
    """Male or female."""

    LABEL = "gender"
    WORDINGS = {"class": Wording("class", "{text}", LABELS["gender"])}


class FaceAge(Faces):
    """One of nine classes of age."""

    LABEL = "age"
    WORDINGS = {"class": Wording("class", "{text}", LABELS["age"])}
