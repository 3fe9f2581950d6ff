"""The sentiment tasks for lm-evaluation-harness: reviews with mentions, and counterfactual pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lorafair.choice_task import ChoiceTask
from lorafair.data.document_set import DocumentSet
from lorafair.data.option import one_of
from lorafair.data.question import SENTIMENT
from lorafair.data.sentiment import PARTS, TRAINING, keep_pairs, regroup_cut, sentiment_documents, sentiment_pairs

REVIEWS = ("imdb", "imdb_train", "imdb_cad_original", "sst2", "sst2_train", "imdb_sample", "sst2_sample")
PAIRS = ("imdb_cad", "imdb_sample")


class Sentiment(ChoiceTask):
    """Reviews or sentences, each by itself."""

    WORDINGS = SENTIMENT
    CHECKS = {"dataset": one_of(*REVIEWS), "part": one_of(*PARTS)}

    def prepare(self, options: Mapping[str, Any]) -> DocumentSet:
        """The reviews of one part."""
        dataset = TRAINING.get(options["dataset"]) if options["part"] == "train" else None
        return sentiment_documents(dataset or options["dataset"], options["part"])

    def finish(self, found: DocumentSet) -> DocumentSet:
        """Groups are what is mentioned in the part of a review that is shown."""
        return regroup_cut(found)


class SentimentPairs(ChoiceTask):
    """Reviews in pairs, each original beside the same review with its sentiment turned round.

    Beside ``acc`` every document has two values of its pair, equal for both, in one wording: ``pair_consistency``, 1
    where both reviews are answered right, and ``answer_follows_edit``, 1 where the two answers differ, as the labels
    do.  A review without its other half (under ``--limit``) has neither.
    """

    WORDINGS = SENTIMENT
    CHECKS = {"dataset": one_of(*PAIRS), "part": one_of(*PARTS)}

    def prepare(self, options: Mapping[str, Any]) -> DocumentSet:
        """The pairs of one part."""
        return sentiment_pairs(options["dataset"], options["part"])

    def finish(self, found: DocumentSet) -> DocumentSet:
        """As for single reviews; and reviews that are equal once they are cut are no pair."""
        return keep_pairs(regroup_cut(found))

    def __init__(self, config: Mapping[str, Any]) -> None:
        """As every choice task; two metrics more."""
        super().__init__(config)
        self.pairs: dict[str, dict[str, int]] = {}
        self.add_metrics(["pair_consistency", "answer_follows_edit"])

    def apply_filters(self) -> Any:
        """As lm-eval's; and the answers to both reviews of each pair are put together."""
        done = super().apply_filters()
        scores: dict[str, dict[int, float]] = {}
        documents = {}
        for instance in self.instances:
            documents[instance.doc["id"]] = instance.doc
            scores.setdefault(instance.doc["id"], {})[instance.idx] = float(instance.resps[0][0])
        self.pairs = {}
        for name, found in scores.items():
            if not any(math.isnan(score) for score in found.values()):
                own = self.pairs.setdefault(documents[name]["pair"], {})
                own[documents[name]["version"]] = max(sorted(found), key=found.__getitem__)
        return done

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """lm-eval's accuracy, and what holds of the document's pair."""
        found = dict(super().process_results(doc, results))
        answers = self.pairs.get(doc["pair"], {})
        if "acc" not in found or len(answers) < 2:
            return found
        one, other = answers["original"], answers["revised"]
        label = int(doc["label"]) if doc["version"] == "original" else 1 - int(doc["label"])
        return found | {
            "pair_consistency": float(one == label and other == 1 - label),
            "answer_follows_edit": float(one != other),
        }
