"""Documents for a probe: those of lm-eval tasks, of a data set of the registry, or of a .jsonl file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.blame import blame_plugin
from lorafair.data.row import bind_rows
from lorafair.data.row_check import read_lines
from lorafair.errors import LorafairError, raise_faults
from lorafair.registry import load_registry
from lorafair.settings import check_limit


@dataclass(frozen=True)
class Documents:
    """Mappings with ``id`` (unique), ``text``, ``groups`` (``{attribute: [names]}``) and ``cluster``, among others.

    ``sha256`` is over all of them; ``name`` says where they came from; ``sample``: from one of the project's own small
    sets.
    """

    name: str
    rows: list[dict[str, Any]]
    sha256: str
    sample: bool = False


def load_documents(
    tasks: Sequence[str], data: str | None, limit: float | None = None, metadata: Mapping[str, Any] | None = None
) -> Documents:
    """The documents that tasks ask about, or those of a data set.

    Args:
        tasks: lm-eval tasks; ``text`` is a document's own, or its prompt.
        data: instead of tasks: a data set of the registry with a target, or a .jsonl file of objects. ``text`` is the
            row's own, or ``prompt`` followed by ``completion``.
        limit: at most that many of each task or of the data, below 1 that share of them.
        metadata: settings of the tasks.

    Raises:
        LorafairError: for both or neither, unknown names, a file or a row that cannot be used (all rows at once).
    """
    check_limit(limit)
    if bool(tasks) == (data is not None):
        raise LorafairError("Say what to probe with: --task NAME, or --data NAME or FILE, not both.")
    if data is None:
        rows = _read_tasks(tasks, limit, metadata or {})
    else:
        found = _read_data(data)
        size = len(found) if limit is None else int(limit) if limit >= 1 else max(int(limit * len(found)), 1)
        rows = _check_rows(f"The data {data}", found[:size])
    if not rows:
        raise LorafairError("There are no documents to probe with. Mend --task, --data or --limit.")
    text = "\n".join(json.dumps(row, sort_keys=True, default=str) for row in rows)
    sample = _is_sample([data] if data is not None else tasks, "task" if data is None else "dataset")
    return Documents(data or ",".join(tasks), rows, hashlib.sha256(text.encode()).hexdigest(), sample)


def _is_sample(names: Sequence[str], kind: str) -> bool:
    """Whether one of these data sets, or of those that these tasks ask about, is marked as a sample in the registry."""
    registry = load_registry()
    found = [registry.get(kind, name) for name in names if name in registry.names(kind)]
    if kind == "task":  # the first is the documents', others are lexicons and the like
        first = [sets[0] for entry in found if (sets := entry.fields.get("datasets"))]
        found = [registry.get("dataset", name) for name in first if name in registry.names("dataset")]
    return any(entry.fields.get("sample") is True for entry in found)


def _read_tasks(names: Sequence[str], limit: float | None, metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    from lorafair.preparation import quiet
    from lorafair.task import load_tasks

    quiet()
    from lm_eval.evaluator_utils import get_sample_size

    loaded = load_tasks(names, metadata)["tasks"]
    rows: list[dict[str, Any]] = []
    for name, task in loaded.items():
        for number, found in task.doc_iterator(rank=0, limit=get_sample_size(task, limit), world_size=1):
            row = dict(found)
            place = str(row.get("id", number))
            row["id"] = f"{name}:{place}" if len(loaded) > 1 else place
            row.setdefault("text", task.doc_to_text(found))
            rows.append(row | {"task": name})
    return _check_rows(f"The documents of {', '.join(names)}", list(enumerate(rows, start=1)))


def _read_data(name: str) -> list[tuple[int, Any]]:
    registry = load_registry()
    if name not in registry.names("dataset"):
        path = Path(name).expanduser()
        if path.suffix not in {".jsonl", ".json"} and not path.exists():
            registry.get("dataset", name)  # raises with the closest names
        return read_lines(path)
    entry = registry.get("dataset", name)
    if entry.target is None:
        able = ", ".join(e.name for e in registry.entries("dataset") if e.target)
        raise LorafairError(f"The dataset {name!r} has no documents of its own. These have: {able}.")
    with blame_plugin(entry):
        return list(enumerate(bind_rows(entry)[0](), start=1))


def _check_rows(what: str, lines: Iterable[tuple[int, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for number, found in lines:
        if not isinstance(found, Mapping):
            said = str(found) if isinstance(found, ValueError) else f"not an object but {type(found).__name__}"
            faults.append(f"line {number}: {said}.")
            continue
        row = dict(found)
        row["id"] = str(row.get("id", number))
        if "text" not in row and "prompt" in row:
            row["text"] = f"{row['prompt']}{row.get('completion', '')}"
        if not isinstance(row.setdefault("groups", {}), Mapping):
            faults.append(f'line {number}: groups is not of the form {{"attribute": ["name"]}}.')
        row["cluster"] = str(row.get("cluster", row["id"]))
        rows.append(row)
    repeated = [place for place, times in Counter(row["id"] for row in rows).items() if times > 1]
    faults += [f"the id {place!r} is given to several documents." for place in repeated]
    if len(faults) > 10:
        faults = [*faults[:10], f"and {len(faults) - 10} more."]
    raise_faults(f"{what} cannot be used", faults)
    return rows
