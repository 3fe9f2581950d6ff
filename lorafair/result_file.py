"""Results and samples on disk, in lm-eval's own formats, one folder per model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError


def write_result(out: Path, label: str, results: dict[str, Any]) -> Path:
    """Write one model's results and samples as lm-eval's tracker does; older files of the same tasks are removed.

    They are written apart and moved when whole, so that a kill leaves no half of them where somebody reads.

    Args:
        out: the audit's folder; files go to ``out/<label>/``.
        results: what lm-eval's ``evaluate`` returned, with ``samples``, plus our ``lorafair`` key.

    Returns:
        The results file.

    Raises:
        LorafairError: if it could not be written.
    """
    from lm_eval.loggers import EvaluationTracker

    samples, part = results.pop("samples"), out / "responses" / ".writing"  # nobody looks for results there
    shutil.rmtree(part, ignore_errors=True)
    tracker = EvaluationTracker(output_path=str(part))
    tracker.general_config_tracker.model_source = results["config"]["model"]
    tracker.general_config_tracker.model_name = results["lorafair"]["name"]
    tracker.general_config_tracker.model_name_sanitized = label
    tracker.save_results_aggregated(results=results, samples=samples)
    written = sorted((part / label).glob("results_*.json"))
    wrote = [tracker.save_results_samples(task_name=name, samples=rows) for name, rows in samples.items()]
    files = list((part / label).glob(f"samples_*_{tracker.date_id}.jsonl")) if written else []
    if not written or len(files) != len(wrote):
        raise LorafairError(f"{out / label} could not be written (disk full?). The answers are stored: run it again.")
    take_results(part, out)
    shutil.rmtree(part, ignore_errors=True)
    return out / label / written[0].name


def take_results(shard: Path, out: Path) -> None:
    """Move the results and samples that an evaluation left in ``shard`` into ``out``, as if it had written there.

    A results file comes after its samples, and older files of the same tasks go last, so that at any moment what lies
    in ``out`` is whole.
    """
    for found in sorted(shard.glob("*/results_*.json")):
        target = out / found.parent.name
        target.mkdir(parents=True, exist_ok=True)
        before = set(target.glob("results_*.json")) - {target / found.name}
        for samples in sorted(found.parent.glob(f"samples_*_{found.stem.removeprefix('results_')}.jsonl")):
            samples.replace(target / samples.name)
        tasks = set(_read_tasks(found.replace(target / found.name)))
        for old in before:
            if set(_read_tasks(old)) <= tasks:
                _remove(old)


def read_complaints(files: Iterable[Path]) -> tuple[dict[str, str], list[str]]:
    """What the tasks of results files say about plugins: ``task/metric`` -> why it failed, and remarks, each once."""
    failed: dict[str, str] = {}
    remarks: dict[str, None] = {}
    for file in files:
        for task, config in json.loads(file.read_text(encoding="utf-8"))["configs"].items():
            metadata = config.get("metadata") or {}
            failed |= {f"{task}/{metric}": why for metric, why in (metadata.get("failed") or {}).items()}
            remarks |= dict.fromkeys(metadata.get("remarks") or ())
    return failed, list(remarks)


def _read_tasks(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return list(found["configs"]) if "lorafair" in found else ["", "not ours"]
    except (OSError, ValueError, KeyError, TypeError):
        return ["", "not ours"]


def _remove(path: Path) -> None:
    stamp = path.stem.removeprefix("results_")
    for samples in path.parent.glob(f"samples_*_{stamp}.jsonl"):
        samples.unlink()
    path.unlink()


def check_same_base(out: Path, base_hash: str, base_name: str) -> None:
    """One results folder is one base's.

    Raises:
        LorafairError: if ``out`` holds results of another base.
    """
    for path in sorted(out.glob("*/results_*.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8")).get("lorafair") or {}
        except (OSError, ValueError, AttributeError):
            continue
        if facts.get("base_hash", base_hash) != base_hash:
            raise LorafairError(
                f"{out} holds results of another base ({facts.get('base')}) than {base_name}. Choose another --out."
            )
