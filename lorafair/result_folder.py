"""The results files under a folder, and which model each is about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.identity import Model, identify


@dataclass(frozen=True)
class ResultFile:
    """A parsed ``results_*.json``; ``stamp`` is the time in its name, ``model`` the one that it is about."""

    path: Path
    stamp: str
    results: dict[str, Any]
    model: Model


def find_results(root: Path, labels: Mapping[str, str], faults: list[str]) -> list[ResultFile]:
    """Every results file under a folder; what cannot be used goes to ``faults``.

    Args:
        labels: folder (a path, or the last part of one) -> the label of the results in it.
    """
    if not root.is_dir():
        faults.append(f"{root} is not a folder: give the folder that `lorafair eval --out` or `lm_eval` wrote.")
        return []
    paths = [p for p in sorted(root.rglob("results_*.json")) if "responses" not in p.relative_to(root).parts]
    if not paths and not any(root.rglob("probe_*.provenance.json")):
        faults.append(f"{root} holds no results_*.json: make some with `lorafair eval … --out {root}`.")
    found = []
    for path in paths:
        try:
            results = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            faults.append(f"{path} cannot be read as JSON ({error}): run that evaluation again, or remove the file.")
            continue
        if not isinstance(results, dict) or not all(isinstance(results.get(k), dict) for k in ("results", "configs")):
            faults.append(
                f"{path} is not a results file of lm-eval (no `results` and `configs`): remove it or move it."
            )
            continue
        label = find_label(path, labels)
        model = identify(results, label)
        if isinstance(model, str):
            faults.append(f"{path} {model}.")
            continue
        found.append(ResultFile(path, path.stem.removeprefix("results_"), results, model))
    return found


def find_label(path: Path, labels: Mapping[str, str]) -> str | None:
    """The label that ``labels`` gives to what lies in a file's folder, None for none."""
    return next((to for name, to in labels.items() if is_labelled(path, name)), None)


def is_labelled(path: Path, name: str) -> bool:
    """Whether ``name`` is a folder around a file, or the last part of its folder's path."""
    folders = path.resolve().parents
    return Path(name).resolve() in folders or path.parent.name == name
