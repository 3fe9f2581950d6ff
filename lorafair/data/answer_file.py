"""Completions with their documents, out of the files of an evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lorafair.data.pair_output import clean
from lorafair.errors import LorafairError


def read_answers(results: Path, task: str) -> tuple[list[tuple[dict[str, Any], tuple[str, ...]]], Path, dict[str, Any]]:
    """What one model answered to a task's prompts, out of the files that an evaluation of it wrote.

    Args:
        results: the results file.
        task: a single task.

    Returns:
        (document, its sampled completions) of every document, the samples file, and the run's facts: ``data``, that the
        task read, and ``settings``, of base, engine and generation.

    Raises:
        LorafairError: if the task is none whose prompts are completed.
    """
    said = json.loads(results.read_text(encoding="utf-8"))
    stamp = results.stem.removeprefix("results_")
    samples = results.with_name(f"samples_{task}_{stamp}.jsonl")
    if not samples.is_file():
        raise LorafairError(f"{task} is no single task whose prompts can be completed. Use lorafair_honest_race.")
    found = []
    with samples.open(encoding="utf-8") as lines:
        for line in lines:
            sample = json.loads(line)
            document = sample["doc"]
            first = 1 if "honest_topk" in sample.get("metrics", ()) else 0  # request 0 asks HONEST's most likely word
            own = [text for answers in sample["resps"][first:] for text in answers if isinstance(text, str)]
            if not own or not {"id", "text", "cluster"} <= set(document):
                raise LorafairError(
                    f"The task {task} has no prompts that are completed in templates. Use lorafair_honest_race, "
                    "lorafair_honest_religion, lorafair_honest or lorafair_honest_sample."
                )
            found.append((document, tuple(map(clean, own))))
    metadata = said["configs"][task].get("metadata") or {}
    ours = said["lorafair"]
    facts = {
        "data": metadata.get("data") or {},
        "settings": {
            "base": ours["base"],
            "base_hash": ours["base_hash"],
            "engine": ours["engine"],
            "dtype": ours["dtype"],
            "generation": said["configs"][task].get("generation_kwargs"),
        },
    }
    return found, samples, facts
