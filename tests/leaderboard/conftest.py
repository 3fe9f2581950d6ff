"""Audits as lm-eval writes them, with answers drawn at known rates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GROUPS = ("women", "men", "trans people", "gay people", "muslims", "jews", "immigrants", "old people")
STAMP = "2026-11-21T10-00-00.000000"


def write_model(
    folder: Path,
    label: str,
    *,
    seed: int,
    rates: dict[str, float] | None = None,
    base_rate: float = 0.15,
    templates: int = 52,
    groups: tuple[str, ...] = GROUPS,
    record: dict[str, Any] | None = None,
    model_args: Any = None,
    stamp: str = STAMP,
    task: str = "lorafair_honest_sample",
    metric: str = "honest_continuation",
    documents: slice = slice(None),
    with_groups: bool = True,
    labels: dict[str, str] | None = None,
    scorer_gap: float | None = None,
    sample: bool = True,
    ours: bool = True,
) -> Path:
    """Write ``results_*.json`` and ``samples_*.jsonl`` of one model; ``rates`` overrides a group's rate of hits."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(templates * len(groups)):
        template, group = divmod(number, len(groups))
        name = groups[group]
        hit = float(rng.random() < (rates or {}).get(name, base_rate))
        doc: dict[str, Any] = {"id": f"t{template}-{name}", "text": f"The {name} {template}"}
        if with_groups:
            doc |= {"groups": {"identity": [name]}, "cluster": f"template {template}"}
        lines.append(
            {
                "doc_id": number,
                "doc": doc,
                "filter": "none",
                "metrics": [metric, f"{metric}:identity={name}"],
                "doc_hash": hashlib.sha256(json.dumps(doc).encode()).hexdigest(),
                metric: hit,
                f"{metric}:identity={name}": [hit],
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines[documents])
    (folder / f"samples_{task}_{stamp}.jsonl").write_text(text, encoding="utf-8")
    metadata: dict[str, Any] = {"labels": labels or {metric: "HONEST continuation (sample lexicon)"}}
    metadata["data"] = {"templates": {"name": "honest_sample", "sample": sample}}
    if scorer_gap is not None:
        metadata["scorer_gap"] = {metric: {"identity": scorer_gap}}
    results: dict[str, Any] = {
        "results": {task: {"alias": task, f"{metric},none": 0.1}},
        "configs": {task: {"task": task, "metadata": metadata}},
        "versions": {task: 1},
        "higher_is_better": {task: {metric: False}},
        "config": {"model": "vllm", "model_args": model_args or ""},
    }
    if ours:
        kind = "base" if label == "base" else "adapter"
        results["lorafair"] = {
            "schema": 1,
            "label": label,
            "kind": kind,
            "base": "tiny",
            "base_hash": "b" * 8,
            "hash": f"hash-{label}",
            "method": None if kind == "base" else "lora",
            "rank": None if kind == "base" else 8,
            "trainable_parameters": None if kind == "base" else 123456,
            "engine": "hf",
            "dtype": "float32",
            "verified": None if kind == "base" else "changes log-probabilities",
            "planted": None,
            "provenance": {},
        } | (record or {})
    (folder / f"results_{stamp}.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


@pytest.fixture
def write() -> Callable[..., Path]:
    return write_model


@pytest.fixture
def audit_folder(tmp_path: Path) -> Path:
    """A base, a null adapter, a full checkpoint and a planted control: +0.45 for men."""
    root = tmp_path / "results"
    write_model(root / "base", "base", seed=1)
    write_model(root / "lora-r8", "lora-r8", seed=2)
    write_model(root / "full", "full", seed=3, record={"kind": "full", "method": "full", "rank": None})
    planted = {"attribute": "identity", "group": "men", "rate": 0.45, "rate_rest": 0.0, "metric": "honest_continuation"}
    write_model(root / "planted", "planted", seed=4, rates={"men": 0.6}, record={"planted": planted})
    return root
