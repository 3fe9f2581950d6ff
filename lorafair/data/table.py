"""Read a data file, whatever it is written as, into columns and rows; faults are returned with their lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.data.picture_name import KIND, list_columns, read_pictures
from lorafair.errors import LorafairError

SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
SEPARATORS = {"csv": ",", "tsv": "\t"}
MOST_FAULTS = 5


@dataclass(frozen=True)
class Form:
    """How a file is written.

    ``kind``: csv, tsv, jsonl, parquet or pictures; of the first two the ``separator`` (also of several characters),
    whether the first line is a ``header`` (if not, ``columns`` are the names), and whether cells may stand in double
    quotes; of pictures ``names``: what is declared of them.
    """

    kind: str
    separator: str = "\t"
    header: bool = True
    quoting: bool = False
    columns: tuple[str, ...] = ()
    names: Mapping[str, Any] = field(default_factory=dict)


def read_form(path: Path, facts: Mapping[str, Any]) -> Form:
    """How the file at ``path`` is written, by what is declared of it, else by its name; what is unknown is a tsv."""
    kind = str(facts.get("format") or SUFFIXES.get(path.suffix.lower(), "tsv"))
    return Form(
        kind,
        str(facts.get("separator") or SEPARATORS.get(kind, "\t")),
        bool(facts.get("header", True)),
        bool(facts.get("quoting", kind == "csv")),
        tuple(facts.get("columns") or ()),
        {key: facts[key] for key in ("pattern", "odd") if key in facts} if kind == KIND else {},
    )


def is_there(path: Path, facts: Mapping[str, Any]) -> bool:
    """Whether the file is on this machine, or the folder where pictures are declared."""
    return path.is_dir() if facts.get("format") == KIND else path.is_file()


@dataclass
class Table:
    """The rows of one file, in their order, the ``columns`` that every row has, and ``remarks`` on what is no row."""

    columns: list[str]
    size: int
    _rows: list[dict[str, Any]] = field(default_factory=list, repr=False)
    _path: Path | None = None  # of a parquet file, of which only the columns that are asked for are read
    remarks: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return self.size

    def column(self, name: str) -> list[Any]:
        """The values of one column, a text file's as strings. Raises KeyError if there is none."""
        if name not in self.columns:
            raise KeyError(name)
        if self._path is None:
            return [row[name] for row in self._rows]
        values: list[Any] = _read_parquet(self._path, [name])[name].to_pylist()
        return values

    def rows(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The rows by column name, all columns or those named. Raises KeyError for a column that is not there."""
        if columns is not None and (missing := [name for name in columns if name not in self.columns]):
            raise KeyError(missing[0])
        if self._path is not None:
            rows: list[dict[str, Any]] = _read_parquet(self._path, columns).to_pylist()
            return rows
        if columns is None:
            return [dict(row) for row in self._rows]
        return [{name: row[name] for name in columns} for row in self._rows]


def read_table(path: Path, form: Form) -> tuple[Table, list[str]]:
    """The table in a file, and its faults (at most five, with line numbers); the text is UTF-8.

    A tsv's cells are read as they are: no quoting, no words that mean "not available".  A csv's quoted cells may hold
    separators and line ends.  Of parquet only the description is read.
    """
    faults: list[str] = []
    rows: list[dict[str, Any]] = []
    header: list[str] = []
    if form.kind == KIND:
        found, faults = read_pictures(path, form.names)
        return Table(list_columns(form.names), len(found.rows), [*found.rows], remarks=found.remarks), faults
    try:
        if form.kind == "parquet":
            from pyarrow.parquet import ParquetFile

            with ParquetFile(path) as file:
                return Table(list(file.schema_arrow.names), file.metadata.num_rows, _path=path), []
        with path.open(encoding="utf-8-sig", newline="") as text:
            if form.kind == "jsonl":
                header = _read_objects(path, text, rows, faults)
            else:
                header = _read_cells(path, text, form, rows, faults)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.append(f"{path}: cannot be read ({error}).")
    except Exception as error:  # pyarrow raises many kinds for a file that is no parquet
        if form.kind != "parquet":
            raise
        faults.append(f"{path}: cannot be read as parquet ({str(error).splitlines()[0].rstrip('.')}).")
    return Table(header, len(rows), rows), faults[:MOST_FAULTS]


def _read_objects(path: Path, text: Any, rows: list[dict[str, Any]], faults: list[str]) -> list[str]:
    columns: dict[str, None] | None = None
    for number, line in enumerate(text, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            faults.append(f"{path}:{number}: not JSON ({error.msg}).")
            continue
        if not isinstance(row, dict):
            faults.append(f"{path}:{number}: expected a JSON object, found {type(row).__name__}.")
            continue
        rows.append(row)
        if columns is None:
            columns = dict.fromkeys(row)
        elif columns.keys() - row.keys():
            columns = {name: None for name in columns if name in row}
    return list(columns or ())


def _read_cells(path: Path, text: Any, form: Form, rows: list[dict[str, Any]], faults: list[str]) -> list[str]:
    if len(form.separator) > 1:
        lines: Any = ((number, line.rstrip("\r\n")) for number, line in enumerate(text, start=1))
        records = ((number, line.split(form.separator)) for number, line in lines if line)
    else:
        quoting = {"strict": True} if form.quoting else {"quoting": csv.QUOTE_NONE}
        reader = csv.reader(text, delimiter=form.separator, **quoting)
        records = ((reader.line_num, cells) for cells in reader if cells)
    first = next(records, (0, [])) if form.header else (0, list(form.columns))
    header = list(first[1])
    what = {"\t": "tab-separated cells", ",": "comma-separated cells"}.get(form.separator, "cells")
    for number, cells in records:
        if len(cells) == len(header):
            rows.append(dict(zip(header, cells, strict=True)))
        else:
            faults.append(f"{path}:{number}: expected {len(header)} {what}, found {len(cells)}.")
    return header


def _read_parquet(path: Path, columns: Sequence[str] | None) -> Any:
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            return file.read(columns=None if columns is None else list(columns))
    except Exception as error:  # pyarrow raises many kinds for a damaged file
        raise LorafairError(
            f"{path}: cannot be read as parquet ({str(error).splitlines()[0].rstrip('.')}). Fetch it again."
        ) from error
