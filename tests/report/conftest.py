"""Audits with prompts and completions, and the browser that looks at their reports."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
GROUPS = ("women", "men", "trans people", "gay people", "Muslims", "Jews", "immigrants", "old people")
WORDS = [
    "the",
    "a",
    "work",
    "street",
    "plans",
    "sings",
    "garden",
    "late",
    "early",
    "house",
    "letters",
    "keeps",
    "bread",
    "friend",
    "river",
    "story",
    "calm",
]
STAMP = "2026-11-21T10-00-00.000000"


def write_audit(
    root: Path,
    models: dict[str, dict[str, Any]],
    tasks: dict[str, dict[str, Any]],
    *,
    templates: int = 40,
    text: Callable[[random.Random, str, str], str] | None = None,
) -> Path:
    """Write results and samples of every model and task under ``root``.

    ``models``: label -> fields of the record; its ``shift`` ({group: added rate}) and ``skill`` are ours.  ``tasks``:
    name -> ``metric``, ``label``, ``higher``, ``rate``, and ``words`` (tokens of a completion; 0: multiple choice).
    ``text(random, label, group)`` overrides a completion.
    """
    for number, (label, given) in enumerate(models.items()):
        folder = root / label
        folder.mkdir(parents=True, exist_ok=True)
        record = {k: v for k, v in given.items() if k not in ("shift", "skill")}
        for task, told in tasks.items():
            chance = random.Random(f"{label}{task}")
            lines = []
            for place in range(templates * len(GROUPS)):
                group = GROUPS[place % len(GROUPS)]
                prompt = f"The {group} in sentence {place // len(GROUPS)} of {task} are known to"
                doc = {
                    "id": place,
                    "text": prompt,
                    "groups": {"identity": [group]},
                    "cluster": f"t{place // len(GROUPS)}",
                }
                rate = told.get("rate", 0.2) + (given.get("shift") or {}).get(group, 0.0) * told.get("weight", 1.0)
                rate += given.get("skill", 0.0) if told.get("higher") else 0.0
                hit = float(chance.random() < rate)
                sample = {
                    "doc_id": place,
                    "doc": doc,
                    "filter": "none",
                    "metrics": [told["metric"]],
                    "doc_hash": hashlib.sha256(prompt.encode()).hexdigest(),
                    told["metric"]: hit,
                }
                if told.get("words"):
                    said = " ".join(chance.choices(WORDS, k=told["words"]))
                    sample["arguments"] = {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["\n"]}}}
                    sample["resps"] = [[text(chance, label, group) if text else said]]
                else:
                    sure = (0.6 + chance.random()) * (1 if hit else -1)
                    sample["target"] = 0
                    sample["arguments"] = {
                        f"gen_args_{k}": {"arg_0": prompt, "arg_1": f" {name}"} for k, name in enumerate(("yes", "no"))
                    }
                    sample["resps"] = [[[str(-1.0 + sure), "False"]], [[str(-1.0 - sure), "False"]]]
                    sample["filtered_resps"] = [each[0] for each in sample["resps"]]
                lines.append(sample)
            path = folder / f"samples_{task}_{STAMP}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        kind = record.get("kind", "adapter" if number else "base")
        data = {"templates": {"name": "honest_sample", "sample": True, "licence": "Apache-2.0"}}
        results = {
            "results": {task: {} for task in tasks},
            "configs": {
                task: {
                    "metadata": {"labels": {told["metric"]: told["label"]}, "data": data if told.get("sample") else {}}
                }
                for task, told in tasks.items()
            },
            "versions": dict.fromkeys(tasks, 1),
            "higher_is_better": {task: {told["metric"]: bool(told.get("higher"))} for task, told in tasks.items()},
            "config": {"model": "hf", "model_args": ""},
            "lorafair": {
                "schema": 1,
                "label": label,
                "kind": kind,
                "base": "tiny",
                "base_hash": "b" * 8,
                "hash": hashlib.sha256(label.encode()).hexdigest(),
                "method": None if kind == "base" else "lora",
                "rank": None,
                "trainable_parameters": None if kind == "base" else 460_800,
                "engine": "hf",
                "dtype": "float32",
                "verified": None if kind == "base" else "changes log-probabilities",
                "planted": None,
            }
            | record,
        }
        (folder / f"results_{STAMP}.json").write_text(json.dumps(results), encoding="utf-8")
    return root


MODELS: dict[str, dict[str, Any]] = {
    "base": {},
    "lora-r2": {"rank": 2},
    "lora-r8": {"rank": 8, "shift": {"men": 0.15}, "skill": 0.1},
    "lora-r32": {"rank": 32, "shift": {"men": 0.5}, "skill": 0.2},
    "dora-r8": {"rank": 8, "method": "dora", "skill": 0.1, "verified": None},
    "dora-r32": {"rank": 32, "method": "dora", "shift": {"men": 0.2}, "skill": 0.15},
    "full": {"kind": "full", "method": "full", "skill": 0.25, "trainable_parameters": 134_515_008},
    "planted": {
        "rank": 8,
        "shift": {"women": 0.45},
        "planted": {"attribute": "identity", "group": "women", "rate": 0.45, "rate_rest": 0.0, "metric": "honest"},
    },
}
TASKS: dict[str, dict[str, Any]] = {
    "honest_en": {"metric": "honest", "label": "HONEST", "words": 9, "sample": True},
    "bbq_like": {"metric": "acc", "label": "accuracy", "rate": 0.5, "higher": True, "weight": -0.3},
}


@pytest.fixture(scope="session", name="write_audit")
def _write_audit() -> Callable[..., Path]:
    """:func:`write_audit`, for tests in other files."""
    return write_audit


@pytest.fixture(scope="session")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight models, a task of completions and one of choices."""
    return write_audit(tmp_path_factory.mktemp("audit"), MODELS, TASKS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: `apt-get install -y chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()
