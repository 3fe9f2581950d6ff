"""Whether two models were asked a task under the same settings: only then is their difference a paired difference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

METADATA = (
    *("version", "k", "topk", "dataset", "variant", "lexicon", "part", "language", "temperature", "max_gen_toks"),
    *("subset", "flags", "split", "split_seed", "test_share", "wordings", "max_words"),
)
"""Settings of a task's metadata that change what is asked or what a number means."""
CLASSES = ("positive", "classes")
"""The same, of tasks with labels."""


def read_settings(results: Mapping[str, Any], task: str) -> dict[str, Any]:
    """What a results file says of how a task was asked: generation, few-shot number, version, dtype, template."""
    config = results["configs"].get(task) or {}
    metadata = config.get("metadata") or {}
    ours = results.get("lorafair") or {}
    found = {key: metadata.get(key) for key in (*METADATA, *CLASSES) if isinstance(metadata, dict)}
    found |= {
        "generation_kwargs": config.get("generation_kwargs"),
        "num_fewshot": config.get("num_fewshot"),
        "task version": (results.get("versions") or {}).get(task),
        "chat template": results.get("chat_template_sha"),
    }
    if ours:
        settings = ours.get("provenance", {}).get("settings", {})
        found |= {"dtype": ours.get("dtype"), "chat template": settings.get("apply_chat_template")}
    return found


def find_disagreements(asked: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    """One sentence per task whose models were asked under different settings, naming the settings and the models.

    Args:
        asked: (task, model's label, its results file parsed).  A setting that one side does not tell is not compared.
    """
    tasks: dict[str, dict[str, dict[str, Any]]] = {}
    for task, label, results in asked:
        tasks.setdefault(task, {})[label] = read_settings(results, task)
    faults = []
    for task, models in tasks.items():
        differing = []
        for key in dict.fromkeys(key for found in models.values() for key in found):
            told: dict[str, list[str]] = {}
            for label, found in models.items():
                if found.get(key) is not None:
                    told.setdefault(json.dumps(found[key], sort_keys=True, default=str), []).append(label)
            if len(told) > 1:
                differing.append(f"{key} " + " against ".join(f"{v} ({', '.join(who)})" for v, who in told.items()))
        if differing:
            faults.append(
                f"{task} was asked under different settings: {'; '.join(differing)}. Evaluate these models again with "
                "the same settings (what was answered is not asked again), or keep them in folders of their own."
            )
    return faults
