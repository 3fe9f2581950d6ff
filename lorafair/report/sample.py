"""The documents of the samples browser: which are shown, and their prompts, completions and scores."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lorafair.samples import Audit, Samples
from lorafair.scoring import THRESHOLD

DOCUMENTS = 100
"""Documents per task, at most."""
PROMPT, ANSWER, ANSWERS = 1500, 600, 5
"""Characters shown of a prompt (its end) and of a completion (its start), and completions per document and model."""
RULE = (
    "At most {documents} documents per task, out of those that the most models answered: half are those whose scores "
    "differ most between the models (of each metric, the largest score minus the smallest, as a share of the largest "
    "such difference; summed over metrics), the other half are drawn at random, in the order of the SHA-256 of the "
    "document's identity. Prompts are cut to their last {prompt:,} characters, completions to their first {answer:,}, "
    "and of several completions of one document the first {answers} are shown."
)
NO_HARM = ("brier", "ece", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "nll")
"""Metrics in which lower is better that say nothing about the words of an answer."""
NUMBER = re.compile(r'^\{"doc_id": (\d+),')


def choose_documents(found: Sequence[Samples], count: int = DOCUMENTS) -> dict[str, str]:
    """Document keys to show for one task -> why (``differs`` or ``random``), in the order of showing.

    Args:
        found: the samples of every model of the task.
        count: how many at most.
    """
    seen: dict[str, int] = {}
    for one in found:
        for key in one.keys:
            seen[key] = seen.get(key, 0) + 1
    most = max(seen.values(), default=0)
    keys = [key for key, times in seen.items() if times == most]
    spread = dict.fromkeys(keys, 0.0)
    for metric in sorted({metric for one in found for metric in one.values}):
        for key, share in _spread(found, metric, keys).items():
            spread[key] += share
    chance = sorted(keys, key=lambda key: hashlib.sha256(key.encode()).hexdigest())
    place = {key: i for i, key in enumerate(chance)}
    differing = sorted((key for key in keys if spread[key] > 0), key=lambda key: (-spread[key], place[key]))
    chosen = dict.fromkeys(differing[: count // 2], "differs")
    for key in chance:
        if len(chosen) >= count:
            break
        chosen.setdefault(key, "random")
    return chosen


def _spread(found: Sequence[Samples], metric: str, keys: Iterable[str]) -> dict[str, float]:
    values: dict[str, list[float]] = {key: [] for key in keys}
    for one in found:
        for key, value in zip(one.keys, one.values.get(metric, ()), strict=False):
            if key in values and math.isfinite(value):
                values[key].append(value)
    ranges = {key: max(each) - min(each) for key, each in values.items() if len(each) > 1}
    top = max(ranges.values(), default=0.0)
    return {key: each / top for key, each in ranges.items()} if top > 0 else {}


def collect_samples(audit: Audit, labels: Mapping[str, str], count: int = DOCUMENTS) -> list[dict[str, Any]]:
    """Per task what the browser shows, as JSON: models, groups, and documents with each model's answers and scores.

    A model's answer is ``harmful`` where a ``toxicity_*`` metric is at least 0.5, or another metric in which lower is
    better (save ``NO_HARM``) is above 0: the page hides its text until the reader asks for it.

    Args:
        audit: what was read; samples without a file are left out.
        labels: metric -> what to call it.
        count: documents per task.
    """
    tasks = []
    order = {model.label: i for i, model in enumerate(audit.models)}
    for task in sorted({one.task for one in audit.samples}):
        found = sorted((one for one in audit.samples if one.task == task and one.path), key=lambda o: order[o.model])
        chosen = choose_documents(found, count)
        documents: dict[str, dict[str, Any]] = {
            key: {"id": key.partition(":")[0], "why": why, "prompt": "", "groups": [], "answers": {}}
            for key, why in chosen.items()
        }
        for number, one in enumerate(found):
            place = {key: i for i, key in enumerate(one.keys)}
            texts = read_texts(one.path, {key.partition(":")[0] for key in chosen if key in place})  # type: ignore[arg-type]
            for key, document in documents.items():
                if key not in place or (text := texts.get(document["id"])) is None:
                    continue
                i = place[key]
                groups = [f"{a}: {name}" for a, names in one.groups[i].items() for name in names]
                document["groups"] = document["groups"] or groups
                document["prompt"] = document["prompt"] or text["prompt"]
                scores = {m: v for m, values in one.values.items() if not math.isnan(v := values[i])}
                document["answers"][number] = {
                    "texts": text["answers"],
                    "more": text["more"],
                    "scores": [[labels.get(m, m), round(v, 4)] for m, v in scores.items()],
                    "harmful": any(_is_harmful(m, v, one.direction.get(m)) for m, v in scores.items()),
                }
        groups = sorted({group for document in documents.values() for group in document["groups"]})
        models = [one.model for one in found]
        tasks.append({"task": task, "models": models, "groups": groups, "documents": list(documents.values())})
    return tasks


def _is_harmful(metric: str, value: float, higher_is_better: bool | None) -> bool:
    if metric.startswith("toxicity_"):
        return value >= THRESHOLD
    return higher_is_better is False and value > 0 and metric.partition(",")[0] not in NO_HARM


def read_texts(path: Path, numbers: set[str]) -> dict[str, dict[str, Any]]:
    """Prompt and answers of the documents with these numbers, from a samples file; lines that are broken are skipped.

    Lines of other documents are passed over without parsing them where they begin with their number, as lm-eval's do.
    """
    found: dict[str, dict[str, Any]] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            start = NUMBER.match(line)
            if start and start.group(1) not in numbers:
                continue
            try:
                sample = json.loads(line)
            except ValueError:
                continue
            if isinstance(sample, dict) and str(sample.get("doc_id")) in numbers:
                found.setdefault(str(sample["doc_id"]), _read(sample))
    return found


def _read(sample: dict[str, Any]) -> dict[str, Any]:
    prompts, options = _read_arguments(sample.get("arguments"))
    answers = []
    responses = sample.get("resps")
    responses = responses if isinstance(responses, list) else []
    for number, each in enumerate(responses):
        for answer in each if isinstance(each, list) else [each]:
            answers.append(_write(answer, options[number] if number < len(options) else ""))
    doc = sample.get("doc")
    prompt = prompts[0] if prompts else str(doc.get("text", "")) if isinstance(doc, dict) else ""
    cut = f"… {prompt[-PROMPT:]}" if len(prompt) > PROMPT else prompt
    return {"prompt": cut, "answers": answers[:ANSWERS], "more": max(0, len(answers) - ANSWERS)}


def _read_arguments(found: Any) -> tuple[list[str], list[str]]:
    """Prompts and, for log-likelihoods, the continuations, of lm-eval's two ways to write a request's arguments."""
    requests = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else []
    pairs = [list(each.values()) if isinstance(each, dict) else each for each in requests]
    pairs = [each for each in pairs if isinstance(each, list) and each]
    options = [each[1] if len(each) > 1 and isinstance(each[1], str) else "" for each in pairs]
    return [str(each[0]) for each in pairs], options


def _write(answer: Any, option: str) -> str:
    if isinstance(answer, list) and len(answer) == 2 and str(answer[1]) in {"True", "False"}:
        value = str(answer[0])
        try:
            value = f"{float(value):.3f}"
        except ValueError:
            value = value[:20]
        return f"{option[:ANSWER].strip()}  (log-likelihood {value})".strip()
    if isinstance(answer, list):
        answer = ", ".join(str(part) for part in answer)
    text = str(answer)
    return f"{text[:ANSWER]} …" if len(text) > ANSWER else text
