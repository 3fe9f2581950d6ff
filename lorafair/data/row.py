"""Rows of training data: their hash, and some of them as data of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any


def hash_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 of rows as JSON lines, in their order, as 64 hexadecimal digits."""
    text = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def keep_rows(
    rows: Iterable[dict[str, Any]], provenance: Mapping[str, Any], ids: Collection[str], split: Any = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows with these ids, and the provenance of them alone: their number, their hash, and the ``split`` if given."""
    kept = set(ids)
    found = [row for row in rows if row["id"] in kept]
    facts = {**provenance, "rows": len(found), "sha256": hash_rows(found)}
    return found, facts | ({"split": split.describe()} if split is not None else {})
