"""The documents of the samples browser: which are shown, and their prompts, completions and scores."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.report.prompt import find_toxic
from lorafair.report.text import read_texts
from lorafair.samples import Audit, Samples
from lorafair.scoring import THRESHOLD
from lorafair.statistics.table import Floats

DOCUMENTS = 100
"""Documents per task, at most."""
RULE = (
    "At most {documents} documents per task, out of those that the most models answered: half are those whose scores "
    "differ most between the models (of each metric, the largest score minus the smallest, as a share of the largest "
    "such difference; summed over metrics), the other half are drawn at random, in the order of the SHA-256 of the "
    "document's identity. Prompts are cut to their last {prompt:,} characters, completions to their first {answer:,}, "
    "and of several completions of one document the first {answers} are shown. A prompt is hidden where its document "
    "says that it is toxic, or the scorer profanity gives it 0.5 or more; where that scorer is missing, every one."
)
NO_HARM = ("brier", "ece", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "nll")
"""Metrics in which lower is better that say nothing about the words of an answer."""


def choose_documents(found: Sequence[Samples], count: int = DOCUMENTS) -> dict[str, str]:
    """Document keys to show for one task -> why (``differs`` or ``random``), in the order of showing.

    Args:
        found: the samples of every model of the task.
        count: how many at most.
    """
    return _pick(*_rank(found), count)


def _rank(found: Sequence[Samples]) -> tuple[list[str], list[str]]:
    """The documents that the most models have: those that differ, most first, and all of them by chance."""
    lists = Counter(id(one.keys) for one in found)  # most models have the very same documents
    seen: dict[str, int] = {}
    for keys_of_some in {id(one.keys): one.keys for one in found}.values():
        for key in keys_of_some:
            seen[key] = seen.get(key, 0) + lists[id(keys_of_some)]
    most = max(seen.values(), default=0)
    keys = [key for key, times in seen.items() if times == most]
    shares = np.zeros(len(keys))
    for metric in sorted({metric for one in found for metric in one.values}):
        shares += _spread(found, metric, keys)
    spread = dict(zip(keys, shares.tolist(), strict=True))
    chance = sorted(keys, key=lambda key: hashlib.sha256(key.encode()).hexdigest())
    place = {key: i for i, key in enumerate(chance)}
    return sorted((key for key in keys if spread[key] > 0), key=lambda key: (-spread[key], place[key])), chance


def _pick(differing: Sequence[str], chance: Sequence[str], count: int) -> dict[str, str]:
    chosen = dict.fromkeys(differing[: count // 2], "differs")
    for key in chance:
        if len(chosen) >= count:
            break
        chosen.setdefault(key, "random")
    return chosen


def _spread(found: Sequence[Samples], metric: str, keys: Sequence[str]) -> Floats:
    """(n,) how far the models' values of each document lie apart, as a share of the widest range of all."""
    low, high, place = np.full(len(keys), np.inf), np.full(len(keys), -np.inf), {key: i for i, key in enumerate(keys)}
    rows: dict[int, NDArray[np.intp]] = {}
    for one in found:
        if id(one.keys) not in rows:
            rows[id(one.keys)] = np.array([place.get(key, -1) for key in one.keys], dtype=np.intp)
        values = np.asarray(one.values.get(metric, ()), dtype=np.float64)
        at = rows[id(one.keys)][: len(values)]
        known = (at >= 0) & np.isfinite(values)
        at, values = at[known], values[known]
        low[at], high[at] = np.minimum(low[at], values), np.maximum(high[at], values)
    ranges = np.where(high > low, high - low, 0.0)  # nobody's and one model's values have no range
    top = float(ranges.max(initial=0.0))
    return ranges / top if top > 0 else ranges


class Browser:
    """The samples that the browser may show: documents are ranked once, and a text is read once."""

    def __init__(self, audit: Audit, labels: Mapping[str, str]) -> None:
        """``labels``: metric -> what to call it; samples without a file are left out of ``audit``."""
        order = {model.label: i for i, model in enumerate(audit.models)}
        kept = sorted((one for one in audit.samples if one.path), key=lambda one: (one.task, order[one.model]))
        self.labels = labels
        self.tasks = {one.task: [other for other in kept if other.task == one.task] for one in kept}
        self.size = len(kept)
        self._ranked = {task: _rank(found) for task, found in self.tasks.items()}
        self._places = {id(one.keys): {key: i for i, key in enumerate(one.keys)} for one in kept}
        self._texts: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        self._veiled: dict[str, bool] = {}

    def collect(self, count: int = DOCUMENTS) -> list[dict[str, Any]]:
        """Per task what the page shows, as JSON: models, groups, and documents with each model's answers and scores.

        A model's answer is ``harmful`` where a ``toxicity_*`` metric is at least 0.5, or another metric in which lower
        is better (save ``NO_HARM``) is above 0, and a prompt is ``veiled`` where :func:`find_toxic` says so: the page
        hides their text until the reader asks for it.

        Args:
            count: documents per task.
        """
        tasks = [self._collect(task, found, count) for task, found in self.tasks.items()]
        documents = [document for task in tasks for document in task["documents"]]
        new: dict[str, bool] = {}
        for one in documents:
            new[one["prompt"]] = one.pop("toxic") or new.get(one["prompt"], False)
        unknown = [prompt for prompt in new if prompt not in self._veiled]
        self._veiled |= dict(zip(unknown, find_toxic(unknown, [new[each] for each in unknown]), strict=True))
        for document in documents:
            document["veiled"] = self._veiled[document["prompt"]]
        return tasks

    def _collect(self, task: str, found: Sequence[Samples], count: int) -> dict[str, Any]:
        chosen = _pick(*self._ranked[task], count)
        documents: dict[str, dict[str, Any]] = {
            key: {"id": key.partition(":")[0], "why": why, "prompt": "", "toxic": False, "groups": [], "answers": {}}
            for key, why in chosen.items()
        }
        for number, one in enumerate(found):
            place = self._places[id(one.keys)]
            texts = self._read(one, [place[key] for key in chosen if key in place])
            for key, document in documents.items():
                if key not in place or (text := texts.get(place[key])) is None:
                    continue
                i = place[key]
                groups = [f"{a}: {name}" for a, names in one.groups[i].items() for name in names]
                document["groups"] = document["groups"] or groups
                document["prompt"] = document["prompt"] or text["prompt"]
                document["toxic"] = document["toxic"] or text["toxic"]
                scores = {m: v for m, values in one.values.items() if not math.isnan(v := values[i])}
                document["answers"][number] = {
                    "texts": text["answers"],
                    "more": text["more"],
                    "scores": [[self.labels.get(m, m), round(v, 4)] for m, v in scores.items()],
                    "harmful": any(_is_harmful(m, v, one.direction.get(m)) for m, v in scores.items()),
                }
        groups = sorted({group for document in documents.values() for group in document["groups"]})
        models = [one.model for one in found]
        return {"task": task, "models": models, "groups": groups, "documents": list(documents.values())}

    def _read(self, one: Samples, places: Sequence[int]) -> dict[int, dict[str, Any]]:
        known = self._texts.setdefault((one.model, one.task), {})
        known |= read_texts(one, [place for place in places if place not in known])
        return known


def collect_samples(audit: Audit, labels: Mapping[str, str], count: int = DOCUMENTS) -> list[dict[str, Any]]:
    """What :meth:`Browser.collect` gives of an audit's samples."""
    return Browser(audit, labels).collect(count)


def _is_harmful(metric: str, value: float, higher_is_better: bool | None) -> bool:
    if metric.startswith("toxicity_"):
        return value >= THRESHOLD
    return higher_is_better is False and value > 0 and metric.partition(",")[0] not in NO_HARM
