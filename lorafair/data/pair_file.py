"""Training pairs out of any .jsonl file: which columns hold prompt and completion is said, the rest is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.data.pair_output import assign_parts, clean, write_pairs
from lorafair.data.row_check import MOST_FAULTS, read_lines
from lorafair.errors import LorafairError, raise_faults
from lorafair.provenance import hash_file

EMPTY, TOXIC, UNSCORED, REPEATED = "empty", "toxic", "not scored", "repeated"
"""Why a row is left out."""


@dataclass(frozen=True)
class PairPlan:
    """What to take of a file; a column inside an object is named with points (``prompt.text``).

    ``groups``: attribute -> column with a name or a list of names.  ``cluster``: the column of what must not be in both
    parts, None for the prompt itself.  ``scorer``: pairs whose completion it scores at ``threshold`` or above are left
    out.
    """

    source: Path
    prompt: str
    completion: str
    out: Path
    groups: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None
    scorer: str | None = None
    threshold: float = 0.5
    test_share: float = 0.3
    split_seed: int = 13


@dataclass(frozen=True)
class PairOutcome:
    """The file of each part, how many pairs each holds, and how many rows were left out, by reason."""

    files: dict[str, Path]
    counts: dict[str, int]
    left_out: dict[str, int]


def build_pairs(plan: PairPlan) -> PairOutcome:
    """Write the pairs of a file, split by cluster, with provenance.

    Rows with nothing in prompt or completion, repeated pairs and toxic completions are left out and counted.

    Raises:
        LorafairError: if the file cannot be read, holds no usable pair, or with every line that lacks a column.
    """
    rows, left_out = read_pairs(plan)
    scorer: dict[str, Any] = {}
    if plan.scorer is not None and rows:
        from lorafair.scoring import identify_scorer, require_numbers, score_texts

        texts = [row["completion"] for row in rows]
        scores = score_texts(plan.scorer, texts)
        require_numbers(plan.scorer, texts, scores)
        left_out[UNSCORED] = scores.count(None)
        left_out[TOXIC] = sum(score is not None and score >= plan.threshold for score in scores)
        pairs = zip(rows, scores, strict=True)
        rows = [{**row, "score": s} for row, s in pairs if s is not None and s < plan.threshold]
        scorer = {"scorer": identify_scorer(plan.scorer, {}), "threshold": plan.threshold}
    if not rows:
        told = ", ".join(f"{number} {why}" for why, number in left_out.items() if number)
        raise LorafairError(f"{plan.source} holds no usable pairs{f' ({told})' if told else ''}.")
    parts = assign_parts(rows, plan.test_share, plan.split_seed)
    counts = Counter(parts[row["cluster"]] for row in rows)
    columns = {"prompt": plan.prompt, "completion": plan.completion, "groups": dict(plan.groups)}
    files = write_pairs(
        plan.out,
        rows,
        parts,
        seeds={"split": plan.split_seed},
        data={"source": {"file": plan.source.name, "sha256": hash_file(plan.source)}},
        settings={
            "columns": {**columns, "cluster": plan.cluster},
            "test_share": plan.test_share,
            "pairs": dict(counts),
            "left_out": {why: number for why, number in left_out.items() if number},
            **scorer,
        },
    )
    return PairOutcome(files, {part: counts[part] for part in files}, {k: n for k, n in left_out.items() if n})


def read_pairs(plan: PairPlan) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The rows of the plan's file as pairs, and how many were left out, by reason.

    Where prompt and completion meet letter to letter a space is put between them.

    Raises:
        LorafairError: with every line that is not JSON or lacks a column.
    """
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    left_out: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for number, line in read_lines(plan.source):
        try:
            if isinstance(line, ValueError):
                raise LorafairError(f"not JSON ({line})")
            prompt, completion = (_take_text(line, each) for each in (plan.prompt, plan.completion))
            groups = {attribute: _take_names(line, column) for attribute, column in plan.groups.items()}
            cluster = prompt if plan.cluster is None else str(_take(line, plan.cluster))
        except LorafairError as error:
            faults.append(f"line {number}: {error}.")
            continue
        if not prompt.strip() or not completion.strip():
            left_out[EMPTY] += 1
            continue
        if (prompt, completion) in seen:
            left_out[REPEATED] += 1
            continue
        seen.add((prompt, completion))
        space = " " if prompt[-1].isalnum() and completion[0].isalnum() else ""
        row = {"id": str(number), "prompt": prompt, "completion": f"{space}{completion}"}
        rows.append(row | {"groups": {a: names for a, names in groups.items() if names}, "cluster": clean(cluster)})
    if len(faults) > MOST_FAULTS:
        faults = [*faults[:MOST_FAULTS], f"and {len(faults) - MOST_FAULTS} more lines."]
    raise_faults(f"{plan.source} cannot be used", faults)
    return rows, left_out


def _take(row: Any, column: str) -> Any:
    if isinstance(row, Mapping) and column in row:
        return row[column]
    value = row
    for name in column.split("."):
        if not isinstance(value, Mapping) or name not in value:
            found = ", ".join(map(str, row)) if isinstance(row, Mapping) else f"a {type(row).__name__}"
            raise LorafairError(f"no column {column!r} (found: {found or 'none'})")
        value = value[name]
    return value


def _take_text(row: Any, column: str) -> str:
    value = _take(row, column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LorafairError(f"{column} is {type(value).__name__}, not a string")
    return clean(value)


def _take_names(row: Any, column: str) -> list[str]:
    value = _take(row, column)
    names = value if isinstance(value, list) else [] if value is None else [value]
    if any(isinstance(name, dict | list) for name in names):
        raise LorafairError(f"{column} is no name and no list of names")
    return [clean(str(name)) for name in names if str(name).strip()]
