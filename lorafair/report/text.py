"""Prompts and completions out of a samples file, cut to what a reader looks at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.samples import Samples
from lorafair.scoring import THRESHOLD

PROMPT, ANSWER, ANSWERS = 1500, 600, 5
"""Characters shown of a prompt (its end) and of a completion (its start), and completions per document and model."""
TOXICITY = ("toxicity", "prompt_toxicity")
"""Fields in which a data set's documents say how toxic their prompt is."""


def read_texts(samples: Samples, places: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Place of a document -> its prompt and answers, from the samples file; lines that are broken are left out.

    A line is read at the byte at which it began when the file was read, and must still be that document's.

    Raises:
        LorafairError: if the file cannot be read any more.
    """
    found: dict[int, dict[str, Any]] = {}
    path = samples.path or Path()
    try:
        with path.open("rb") as file:
            for place in sorted(places):
                file.seek(samples.starts[place])
                try:
                    sample = json.loads(file.readline().decode("utf-8", "replace"))
                except (ValueError, RecursionError):
                    continue
                number = samples.keys[place].partition(":")[0]
                if isinstance(sample, dict) and str(sample.get("doc_id")) == number:
                    found[place] = _read(sample)
    except OSError as error:
        raise LorafairError(f"{path} cannot be read any more ({error.strerror}).") from error
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
    shown, more = answers[:ANSWERS], max(0, len(answers) - ANSWERS)
    return {"prompt": cut, "toxic": _says_toxic(doc), "answers": shown, "more": more}


def _says_toxic(doc: Any) -> bool:
    """Whether a document says of its own prompt that it is toxic, as RealToxicityPrompts' do."""
    if not isinstance(doc, dict):
        return False
    places = [place for place in (doc, doc.get("prompt")) if isinstance(place, dict)]
    told = [place.get(name) for place in places for name in TOXICITY]
    return any(isinstance(value, int | float) and value >= THRESHOLD for value in told)


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
