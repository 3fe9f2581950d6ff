"""Training pairs on disk: one file for each part, split by template, with where they came from beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lorafair.data.split import split_clusters
from lorafair.errors import LorafairError
from lorafair.provenance import collect_provenance, hash_file

PROVENANCE = "provenance.json"
PARTS = ("train", "test")


def assign_parts(rows: Sequence[Mapping[str, Any]], test_share: float, seed: int) -> dict[str, str]:
    """Cluster -> part: the recorded ``part`` where every row has one, else by hash, whole clusters together.

    Raises:
        LorafairError: for a share that is not between 0 and 1, or a cluster that is recorded in both parts.
    """
    if rows and all(row.get("part") in PARTS for row in rows):
        found: dict[str, str] = {}
        for row in rows:
            if found.setdefault(str(row["cluster"]), row["part"]) != row["part"]:
                raise LorafairError(f"The template {row['cluster']!r} is recorded in both parts: mend the data.")
        return found
    return dict(split_clusters((str(row["cluster"]) for row in rows), test_share, seed))


def write_pairs(
    out: Path,
    rows: Sequence[Mapping[str, Any]],
    parts: Mapping[str, str],
    *,
    seeds: Mapping[str, int],
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Path]:
    """Write ``train.jsonl``, ``test.jsonl`` and ``provenance.json``; an earlier file is replaced when all are written.

    Args:
        out: the folder.
        rows: pairs with ``prompt``, ``completion`` and ``cluster``.
        parts: cluster -> part, also of clusters without a pair.
        seeds: every random seed by name.
        data: what was read.
        settings: what made the pairs, and counts.

    Returns:
        Part -> file.

    Raises:
        LorafairError: if they cannot be written.
    """
    files = {part: out / f"{part}.jsonl" for part in PARTS}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for part, path in files.items():
            lines = [json.dumps(row, ensure_ascii=False) for row in rows if parts[str(row["cluster"])] == part]
            _replace(path, "".join(f"{line}\n" for line in lines))
        written = {part: {"file": path.name, "sha256": hash_file(path)} for part, path in files.items()}
        clusters = {part: sorted(name for name, own in parts.items() if own == part) for part in PARTS}
        facts = {**settings, "files": written, "clusters": clusters}
        record = collect_provenance("data", seeds=seeds, data=data, settings=facts)
        _replace(out / PROVENANCE, json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise LorafairError(f"{out} cannot be written: {error.strerror or error}. Choose another --out.") from error
    return files


def clean(text: str) -> str:
    """Text that UTF-8 can hold: half a surrogate pair, which only a broken decoder gives, is replaced."""
    return text.encode("utf-8", "replace").decode()


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
