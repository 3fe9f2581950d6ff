"""Where the report's numbers came from: the models and the data, as the results files tell."""

from __future__ import annotations

import json
from typing import Any

from lorafair.samples import Audit


def describe_models(audit: Audit) -> list[dict[str, str]]:
    """Per model its label, kind, base, hash, method, rank, engine and what verified its serving, as text."""
    return [
        {
            "model": model.label,
            "kind": model.kind,
            "base": model.base or "–",
            "hash": (model.hash or "–")[:16],
            "method": model.method or "–",
            "rank": "–" if model.rank is None else str(model.rank),
            "engine": model.engine or "–",
            "verified": "–" if model.kind == "base" else model.verified or "unverified serving",
        }
        for model in audit.models
    ]


def describe_data(audit: Audit) -> list[dict[str, str]]:
    """Per task its version, documents, and the data sets its results files name, with revision, licence and hash."""
    found = []
    for task in sorted({one.task for one in audit.samples}):
        mine = [one for one in audit.samples if one.task == task]
        sizes = sorted({len(one.keys) for one in mine})
        named = next((text for one in mine if (text := _name_data(one.path, task))), "–")
        found.append(
            {
                "task": task,
                "version": ", ".join(sorted({one.version or "–" for one in mine})),
                "documents": f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}",
                "data": named,
            }
        )
    return found


def _name_data(path: Any, task: str) -> str:
    """The data sets in the metadata of the results file beside a samples file; empty where there are none."""
    if path is None:
        return ""
    stamp = path.stem.removeprefix(f"samples_{task}_")
    try:
        config = json.loads(path.with_name(f"results_{stamp}.json").read_text(encoding="utf-8"))["configs"][task]
        metadata = config.get("metadata") or {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    data = metadata.get("data") if isinstance(metadata, dict) else None
    parts = data.values() if isinstance(data, dict) and "name" not in data else [data]
    return "; ".join(dict.fromkeys(text for part in parts if (text := _name_set(part))))


def _name_set(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part) if isinstance(part, str) else ""
    told = [str(part["name"])] if part.get("name") else []
    told += ["sample data"] if part.get("sample") is True else []
    told += [f"{key} {part[key]}" for key in ("revision", "licence") if isinstance(part.get(key), str)]
    told += [f"sha256 {part['sha256'][:12]}"] if isinstance(part.get("sha256"), str) else []
    return ", ".join(told)
