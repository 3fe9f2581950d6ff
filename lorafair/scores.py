"""Read what ``lorafair score`` wrote beside the samples."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from lorafair.isolation import ask_field, is_built_in
from lorafair.registry import load_registry
from lorafair.scoring import THRESHOLD


def read_scores(folder: Path, model: str, task: str, faults: list[str]) -> dict[str, dict[Any, float]]:
    """Scorer -> document number -> share of its completions with a score of at least 0.5 (those that were scored).

    Reads ``scores.jsonl``, or ``scores.parquet`` where only that is there.  A file that holds one model is taken to be
    about the folder's model whatever it calls it.

    Args:
        folder: of the samples file.
        faults: gets a sentence for a file that cannot be read.
    """
    try:
        models, shares = _share(folder, _stamp(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        faults.append(f"{folder}: the scores cannot be read ({error}): run `lorafair score` again.")
        return {}
    return {scorer: found for (whose, of, scorer), found in shares.items() if of == task and whose in (model, models)}


@lru_cache(maxsize=16)
def _share(folder: Path, stamp: float) -> tuple[str | None, dict[tuple[str, str, str], dict[Any, float]]]:
    """(the only model of the file, None for several), (model, task, scorer) -> document -> share of its completions."""
    rows = _read(folder)
    values: dict[tuple[str, str, str], dict[Any, list[bool]]] = {}
    for row in rows:
        if row["score"] is not None:
            found = values.setdefault((row["model"], row["task"], row["scorer"]), {})
            found.setdefault(row["doc_id"], []).append(row["score"] >= THRESHOLD)
    models = {row["model"] for row in rows}
    shares = {key: {n: sum(hits) / len(hits) for n, hits in each.items()} for key, each in values.items()}
    return models.pop() if len(models) == 1 else None, shares


def read_failures(samples: Path, metadata: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Metric -> why its scorer failed, and sentences on what scorers did beside scoring.

    Args:
        samples: the samples file; what ``lorafair score`` found about it stands in the folder's provenance.
        metadata: the task's, from the results file, where the task itself had a scorer fail.
    """
    import json

    failed, remarks = dict(metadata.get("failed") or {}), list(metadata.get("remarks") or ())
    try:
        found = json.loads((samples.parent / "scores.provenance.json").read_text(encoding="utf-8"))["settings"]
        if samples.name in found["samples"]:
            failed |= {f"toxicity_{scorer}": why for scorer, why in found.get("failed", {}).items()}
            remarks += found.get("remarks", {}).values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # a damaged file is told by `lorafair score`; the scores themselves are read from another
    return {str(metric): str(why) for metric, why in failed.items()}, [str(said).rstrip(".") for said in remarks]


def read_direction(scorer: str, folder: Path) -> bool | None:
    """Whether more of a scorer is better, None where nobody says; no code but the project's own is run.

    The registry's declaration counts, then what the scorer said of itself when ``lorafair score`` asked it.  The
    registry may not know who scored a stranger's log: the column is called toxicity, so less is better then.

    Args:
        folder: of the samples file, where the scores' provenance lies.
    """
    import json

    registry = load_registry()
    entry = registry.get("scorer", scorer) if scorer in registry.names("scorer") else None
    if entry and (is_built_in(entry) or "higher_is_better" in entry.fields):
        return bool(found) if (found := ask_field(entry, "higher_is_better")) is not None else None
    try:
        settings = json.loads((folder / "scores.provenance.json").read_text(encoding="utf-8"))["settings"]
        said = settings["directions"][scorer]
    except (OSError, ValueError, KeyError, TypeError):
        return None if entry else False
    return said if isinstance(said, bool) else None


def _stamp(folder: Path) -> float:
    return max(
        (p.stat().st_mtime for p in (folder / "scores.jsonl", folder / "scores.parquet") if p.is_file()), default=0
    )


def _read(folder: Path) -> list[dict[str, Any]]:
    import json

    lines, table = folder / "scores.jsonl", folder / "scores.parquet"
    if lines.is_file():
        rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines() if line.strip()]
    elif table.is_file():
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(table).to_pylist()
    else:
        return []
    return [{key: row[key] for key in ("model", "task", "doc_id", "scorer", "score")} for row in rows]
