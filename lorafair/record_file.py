"""Files of records: one JSON object a line, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from lorafair.records import Record


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON lines, NaN and infinity as null; an earlier file is replaced when all are written.

    Raises:
        OSError: if the file cannot be written (the earlier one is then still whole).
    """
    import jsonlines

    part = path.with_name(f".{path.name}.part")
    with jsonlines.open(part, mode="w", dumps=partial(json.dumps, ensure_ascii=False, allow_nan=False)) as file:
        file.write_all(record.model_dump(mode="json", by_alias=True) for record in records)
    part.replace(path)
