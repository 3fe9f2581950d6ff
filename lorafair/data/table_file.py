"""Large tables on disk (``.csv`` and ``.parquet``): their columns and size, and those columns that are needed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError

if TYPE_CHECKING:
    import pandas

TABLES = (".csv", ".parquet")
"""Suffixes of the files that are tables; the others are read row by row."""
Rows = list[dict[str, Any]]


def inspect_file(path: Path, read: Callable[[Path], tuple[Rows, list[str]]]) -> tuple[list[str], int, list[str]]:
    """(columns, number of rows, faults) of a file; of a table without holding it in memory.

    Args:
        path: any file of a data set.
        read: how files that are no tables are read: rows and faults.
    """
    if path.suffix not in TABLES:
        rows, faults = read(path)
        return list(rows[0]) if rows else [], len(rows), faults
    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet

            with parquet.ParquetFile(path) as file:
                return list(file.schema_arrow.names), int(file.metadata.num_rows), []
        with path.open(encoding="utf-8", newline="") as text:
            reader = csv.reader(text, strict=True)
            columns, count, faults = next(reader, []), 0, []
            for cells in filter(None, reader):
                count += 1
                if len(cells) != len(columns) and len(faults) < 5:
                    faults.append(f"{path}:{reader.line_num}: expected {len(columns)} cells, found {len(cells)}.")
            return columns, count, faults
    except (OSError, ValueError, csv.Error) as error:
        return [], 0, [f"{path}: cannot be read ({' '.join(str(error).split())})."]


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Rows:
    """The rows of a table by column name, all columns or those named. Raises as :func:`read_columns`."""
    return [{str(key): value for key, value in row.items()} for row in read_columns(path, columns).to_dict("records")]


def read_columns(path: Path, columns: Sequence[str] | None) -> pandas.DataFrame:
    """The named columns of a table, or all of them; those of a ``.csv`` as text, just as it stands there (no NA words).

    Raises:
        LorafairError: for a file that cannot be read, or lacks a column.
    """
    import pandas

    try:
        if path.suffix == ".parquet":
            return pandas.read_parquet(path, columns=None if columns is None else list(columns))
        wanted = None if columns is None else list(columns)
        found = pandas.read_csv(path, usecols=wanted, dtype=str, keep_default_na=False, encoding="utf-8")
        return found if wanted is None else found[wanted]
    except (OSError, ValueError, KeyError) as error:
        raise LorafairError(f"{path} cannot be read ({' '.join(str(error).split())}).") from error
