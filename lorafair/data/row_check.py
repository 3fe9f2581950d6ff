"""Lines of a data file, and rows as they have to be: what is wrong with each is told with its line, all at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, raise_faults

MOST_FAULTS = 10
Line = tuple[int, Any]
"""A row with its number, from 1."""


def read_lines(path: Path) -> list[Line]:
    """(line number, JSON value) of each line that is not blank; a line that is not JSON comes as its error.

    Raises:
        LorafairError: if the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LorafairError(
            f"The training data {path} cannot be read: {error.strerror}. Give a .jsonl file, or a dataset name that "
            "`lorafair plugins list --kind dataset` shows."
        ) from error
    except UnicodeDecodeError as error:
        raise LorafairError(f"The training data {path} is not UTF-8 ({error}). Save it as UTF-8.") from error
    lines = text.split("\n")
    found: list[Line] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((number, json.loads(line)))
        except ValueError as error:
            cut = ValueError("ends in the middle: the file is truncated. Copy it again, or remove that line")
            found.append((number, cut if number == len(lines) else error))
    return found


def keep_rows(
    what: str,
    lines: Iterable[Line],
    find_fault: Callable[[Any], str | None],
    keep: Callable[[int, Any], dict[str, Any]],
    noun: str = "rows",
) -> list[dict[str, Any]]:
    """Every row as ``keep`` makes it (from its number and value), once ``find_fault`` finds nothing.

    Raises:
        LorafairError: with every faulty line at once (the first ten, and how many more), or if there is no row.
    """
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for number, row in lines:
        fault = find_shape_fault(row) or find_fault(row)
        if fault:
            faults.append(f"line {number}: {fault}.")
        else:
            rows.append(keep(number, row))
    if not rows and not faults:
        faults.append(f"it holds no {noun}.")
    if len(faults) > MOST_FAULTS:
        faults = [*faults[:MOST_FAULTS], f"and {len(faults) - MOST_FAULTS} more lines."]
    raise_faults(f"{what} cannot be used", faults)
    return rows


def find_shape_fault(row: Any) -> str | None:
    """Why a value is no row at all, or has groups of another form; None where it is one."""
    if isinstance(row, ValueError):
        return str(row) if "truncated" in str(row) else f"not JSON ({row})"
    if not isinstance(row, Mapping):
        return f"not a JSON object but {type(row).__name__}"
    if not isinstance(row.get("groups") or {}, Mapping):
        return 'groups is not of the form {"attribute": ["name"]}'
    return None


def find_text_fault(row: Mapping[str, Any], columns: Iterable[str]) -> str | None:
    """Why one of the columns is no text with something in it; None where all are."""
    wanted = list(columns)
    if missing := [column for column in wanted if column not in row]:
        return f"no column {' and '.join(missing)} (found: {', '.join(map(str, row)) or 'none'}); rename or add it"
    for column in wanted:
        if not isinstance(row[column], str):
            return f"{column} is {type(row[column]).__name__}, not a string"
        if not row[column].strip():
            return f"{column} is empty"
    return None


def keep_common(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """What every row has beside its content: ``id``, ``groups`` and ``cluster``."""
    return {
        "id": str(row.get("id", number)),
        "groups": row.get("groups") or {},
        "cluster": str(row.get("cluster", row.get("id", number))),
    }
