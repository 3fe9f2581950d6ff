"""The WinoMT task for lm-evaluation-harness: one translation a sentence, all of them judged at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.task import ConfigurableTask

from lorafair.data.dataset import resolve
from lorafair.data.winomt import winomt_documents
from lorafair.task_document import Documents, Judged
from lorafair.translation.entity import Entity, read_entities
from lorafair.translation.fault import FAULTS

from .metric import AGGREGATIONS  # noqa: TID251 (neighbour)
from .setting import read_setting  # noqa: TID251 (neighbour)


class WinoMT(ConfigurableTask):
    """WinoMT into one language; what is missing stops the run while the task is loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read settings and documents.

        Raises:
            LorafairError: for wrong settings, and for data that are missing.
        """
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.setting = read_setting(metadata, config["task"])
        self.documents = Documents(winomt_documents(self.setting.dataset))
        examples = resolve("winomt_examples")
        code = self.setting.language.code
        self.examples = [{"text": row["text"], "target": row[code]} for row in examples.rows("examples")]
        facts = {
            "language": code,
            "dataset": self.setting.dataset,
            "classes": ["male", "female", "neutral", "unknown"],
            "conditions": ["stereotype"],
            "exploratory": ["unknown", "recognised"],
            "data": {"sentences": resolve(self.setting.dataset).provenance()},
            "examples": {name: examples.provenance()[name] for name in ("name", "sha256")},
            "labels": {
                "acc": f"accuracy (en→{code})",
                "unknown": f"no gender found (en→{code})",
                "recognised": f"person recognised (en→{code})",
            },
        }
        super().__init__(
            config={
                **config,
                "metadata": metadata | facts,
                "description": self.setting.instruct(),
                "metric_list": [],
                "test_split": "test",
            }
        )
        self._aggregation_list = {"acc": mean, "unknown": mean, "recognised": mean, **AGGREGATIONS}
        self._higher_is_better = {"acc": True, "unknown": False, "recognised": True}

    def download(self, *_: Any, **__: Any) -> None:
        """Hand lm-eval the documents that are already there."""
        self.dataset = {"test": self.documents}

    def fewshot_docs(self) -> list[dict[str, Any]]:
        """The project's own examples, women and men in turn; none is a sentence of WinoMT."""
        return self.examples

    def resolve_field(self, doc: dict[str, Any], field: str | None = None) -> Any:
        """As lm-eval's, but for the instruction, which is plain text: no template is compiled for every document."""
        return field if field == self.config.description else ConfigurableTask.resolve_field(doc, field)

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """The prompt: the template filled with the sentence."""
        return self.setting.ask(doc["text"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """An example's translation; of a document that is asked, the right gender."""
        return str(doc.get("target", doc.get("label", "")))

    def construct_requests(self, doc: Mapping[str, Any], ctx: str, **kwargs: Any) -> Instance:
        """One request: the translation, greedy unless ``--gen_kwargs`` says otherwise."""
        return Instance(
            "generate_until",
            doc=doc,
            arguments=(ctx, dict(self.config.generation_kwargs)),
            idx=0,
            metadata=kwargs["metadata"],
        )

    def apply_filters(self) -> Any:
        """Judge all translations at once: words are linked by what the whole run tells."""
        if "bypass" in self._metric_fn_list:  # lm-eval's --predict_only
            return super().apply_filters()
        texts = [str(instance.resps[0]) for instance in self.instances]
        entities = [Entity(i.doc["text"], i.doc["index"], i.doc["profession"]) for i in self.instances]
        readings = read_entities(entities, texts, self.setting.language)
        for instance, text, reading in zip(self.instances, texts, readings, strict=True):
            instance.filtered_resps["none"] = Judged(
                text=text,
                gender=reading.gender,
                words=reading.words,
                recognised=reading.recognised,
                fault=reading.fault,
            )
        faults = Counter(reading.fault for reading in readings if reading.fault)
        cut = sum(reading.cut for reading in readings)
        self.config.metadata["faults"] = {name: faults[name] for name in FAULTS} | {"cut": cut}
        self.config.metadata["remarks"] = [
            f"{self.config.task}: {faults[name]} of {len(texts)} translations: {said}; their gender is unknown"
            for name, said in FAULTS.items()
            if faults[name]
        ]
        return self.instances

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """The gender found (``answer``), whether it is right, and what WinoMT's numbers over all are made of."""
        if "bypass" in self._metric_fn_list:
            return {"bypass": 999}
        found = results[0]["gender"]
        row = (doc["label"], found, next(iter(doc["groups"].get("stereotype", ())), None))
        return {
            "acc": float(found == doc["label"]),
            "unknown": float(found == "unknown"),
            "recognised": float(results[0]["recognised"]),
            "answer": found,
            **{name: row for name in AGGREGATIONS if name != "answer"},
        }
