"""Files of records: one JSON object a line, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic_core import to_json

from lorafair.records import Record


def dump_record(record: Record) -> str:
    """A record as one line of JSON; NaN and infinity are null."""
    return to_json(record, by_alias=True, inf_nan_mode="null").decode()


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON lines, NaN and infinity as null; an earlier file is replaced when all are written.

    Raises:
        OSError: if the file cannot be written (the earlier one is then still whole).
    """
    import jsonlines

    part = path.with_name(f".{path.name}.part")
    with jsonlines.open(part, mode="w", dumps=dump_record) as file:
        file.write_all(records)
    part.replace(path)
