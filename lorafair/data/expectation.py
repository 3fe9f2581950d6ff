"""Hold a data file to what the registry declares of it: columns, rows, label values, positives, subsets, hash.

Counting, in this order: rows equal in all columns of ``distinct`` count once (the first stays), a subset is the rows
whose columns have the values of its ``where``, a positive is a row whose ``label`` is ``positive``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.data.table import Table

COMPARISON = re.compile(r"\s*(<=|>=|<|>)\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*")
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SHOWN = 5


@dataclass(frozen=True)
class Count:
    """Of one file or one of its subsets (``""``: the whole file): what was expected (None: not said) and found."""

    subset: str
    what: str
    expected: int | None
    found: int


def make_test(wanted: Any) -> Callable[[Any], bool]:
    """Whether a value is the declared one: equal as text, one of several, or a number in a comparison (``> 0.5``)."""
    if isinstance(wanted, list):
        tests = [make_test(each) for each in wanted]
        return lambda value: any(test(value) for test in tests)
    if isinstance(wanted, str) and (found := COMPARISON.fullmatch(wanted)):
        compare, bound = OPERATORS[found[1]], float(found[2])

        def test(value: Any) -> bool:
            try:
                return compare(float(value), bound)
            except (TypeError, ValueError):
                return False

        return test
    text = _as_text(wanted)
    return lambda value: _as_text(value) == text


def count_rows(table: Table, facts: Mapping[str, Any]) -> list[Count]:
    """Rows and positives of a file and of its subsets, as the facts declare them, and as they are.

    Raises:
        KeyError: for a column that the file does not have.
    """
    counts = [Count("", "rows", facts.get("rows"), len(table))]
    subsets: Mapping[str, Mapping[str, Any]] = facts.get("subsets") or {}
    positive: list[bool] | None = None
    if facts.get("label") and "positive" in facts:
        is_positive = make_test(facts["positive"])
        positive = [is_positive(value) for value in table.column(facts["label"])]
    kept = _find_distinct(table, facts.get("distinct") or ())
    if positive is not None:
        counts.append(Count("", "positives", facts.get("positives"), sum(positive[row] for row in kept)))
    for name, subset in subsets.items():
        members = kept
        for column, wanted in (subset.get("where") or {}).items():
            test, values = make_test(wanted), table.column(column)
            members = [row for row in members if test(values[row])]
        counts.append(Count(name, "rows", subset.get("rows"), len(members)))
        if positive is not None:
            counts.append(Count(name, "positives", subset.get("positives"), sum(positive[row] for row in members)))
    return counts


def find_faults(path: Path, table: Table, facts: Mapping[str, Any]) -> list[str]:
    """A sentence per way in which a file is not the declared one, with what was expected and what was found."""
    expected = list(facts.get("columns") or ())
    if missing := sorted({*expected, *_used_columns(facts)} - set(table.columns)):
        found = ", ".join(table.columns) or "none"
        named = ", ".join(dict.fromkeys([*expected, *missing]))
        faults = [f"{path}: expected the columns {named}; found {found}."]
        rows = facts.get("rows")
        return faults + ([_tell(path, Count("", "rows", rows, len(table)))] if rows not in (None, len(table)) else [])
    counted = (one for one in count_rows(table, facts) if one.expected not in (None, one.found))
    return [*(_tell(path, one) for one in counted), *_find_strange_values(path, table, facts)]


def _used_columns(facts: Mapping[str, Any]) -> set[str]:
    """The columns that counting reads."""
    used = {*(facts.get("distinct") or ()), *(facts.get("values") or ())}
    used |= {facts["label"]} if facts.get("label") else set()
    return used.union(*((each.get("where") or {}) for each in (facts.get("subsets") or {}).values()))


def _tell(path: Path, count: Count) -> str:
    where = f" in the subset {count.subset}" if count.subset else ""
    said = f"{path}: expected {count.expected} {count.what}{where}, found {count.found}"
    return said + (": the file is truncated or another." if (count.subset, count.what) == ("", "rows") else ".")


def _find_strange_values(path: Path, table: Table, facts: Mapping[str, Any]) -> Iterator[str]:
    for column, wanted in (facts.get("values") or {}).items():
        test = make_test(wanted)
        strange: dict[str, list[int]] = {}
        for row, value in enumerate(table.column(column), start=1):
            if not test(value):
                strange.setdefault(_as_text(value), []).append(row)
        if strange:
            listed = wanted if isinstance(wanted, list) else [wanted]
            some = [f"{value[:40]!r} in row {rows[0]}" for value, rows in list(strange.items())[:SHOWN]]
            n = sum(map(len, strange.values()))
            yield (
                f"{path}: expected {column} to be {' or '.join(map(_as_text, listed))}; found {', '.join(some)}"
                f"{', …' if len(strange) > SHOWN else ''} ({n} of {len(table)} rows)."
            )


def _find_distinct(table: Table, columns: Any) -> list[int]:
    """Numbers of the rows that are the first of their kind; all rows where no columns are named."""
    if not columns:
        return list(range(len(table)))
    first: dict[tuple[str, ...], int] = {}
    for row, cells in enumerate(zip(*(map(_as_text, table.column(name)) for name in columns), strict=True)):
        first.setdefault(cells, row)
    return list(first.values())


def _as_text(value: Any) -> str:
    """A value as it stands in a text file: a whole float without its point, nothing for a missing one."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
