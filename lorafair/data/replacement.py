"""Training data with other rows: a part of them, or more than there were."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any

from lorafair.data.membership import read_membership


def replace_rows(data: Any, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any] | None = None) -> Any:
    """The same data set with other rows, nothing tokenised yet.

    Args:
        data: lorafair.data.pairs.Pairs, or another dataclass with ``rows`` and ``provenance``, and ``groups`` where it
            keeps the names of its groups.  What it keeps in fields that begin with ``_`` starts anew.
        rows: of the same form.
        facts: for the provenance, beside the new ``rows``, ``sha256`` and ``labels`` (rows of each).

    Returns:
        a copy; ``data`` stays as it is.
    """
    text = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    told = {"rows": len(rows), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    provenance = {**data.provenance, **told, **(facts or {})}
    if isinstance(provenance.get("labels"), Mapping):
        counts = Counter(row["label"] for row in rows)
        provenance["labels"] = {name: counts.get(name, 0) for name in provenance["labels"]}
    changes: dict[str, Any] = {"rows": list(rows), "provenance": provenance}
    for each in fields(data):
        if each.name.startswith("_") and each.default_factory is not MISSING:
            changes[each.name] = each.default_factory()
        elif each.name == "groups":
            changes["groups"] = tuple(sorted({*data.groups, *read_membership(rows).names}))
    return replace(data, **changes)
