"""Rows of a parquet file: millions of reviews are not made into dictionaries only to be counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


class ParquetRows(Sequence[dict[str, Any]]):
    """The rows of a parquet file; their number comes from the file's footer, the content when it is asked for."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(path)

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._file.iter_batches():
            yield from batch.to_pylist()

    def __getitem__(self, at: Any) -> Any:
        """A row, or several by a slice; the first one costs nothing, others cost reading the file."""
        if at == 0 and len(self):
            return next(iter(self._file.iter_batches(batch_size=1))).to_pylist()[0]
        return list(self)[at]


def read_parquet(path: Path) -> tuple[Sequence[dict[str, Any]], list[str]]:
    """The rows of a parquet file, and its faults: one where it is damaged."""
    try:
        return ParquetRows(path), []
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these kinds
        return [], [f"{path}: cannot be read as parquet ({error})."]
