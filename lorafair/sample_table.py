"""The columns of a samples file as a Parquet table: what its copy holds."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lorafair.answer import Answers
from lorafair.sample_column import Columns, Shared

_TOLD = ("direction", "labels", "blank")
_NAMES = {"numbers": "doc_id", "keys": "key", "clusters": "cluster", "groups": "groups", "scored": "scored"}
_ANSWERS = {"labels": "label", "twins": "twin", "probs": "prob"}
"""Lists that many files agree on, of columns and of answers, and what their columns are called."""


class Table(NamedTuple):
    """A copy's columns as Arrow has them, and what it says beside them; lists that are held already were not read."""

    columns: Any
    told: dict[str, Any]


def list_shared(columns: Columns) -> dict[str, tuple[Any, str]]:
    """The lists that many files agree on, by the names of their columns: where each is held, and its name there."""
    found: dict[str, tuple[Any, str]] = {column: (columns, name) for name, column in _NAMES.items()}
    if columns.answers is not None:
        found |= {column: (columns.answers, name) for name, column in _ANSWERS.items()}
    return found


def pack(columns: Columns, digests: Mapping[str, str]) -> bytes:
    """The columns as a Parquet file.

    Args:
        columns: of one samples file.
        digests: of those lists that :func:`list_shared` names.

    Raises:
        Exception: where Parquet does not take a text or a number.
    """
    import pyarrow
    from pyarrow import parquet

    if not all(type(number) is int for number in columns.numbers):
        raise TypeError("document numbers that are no integers")
    texts = {"cluster": columns.clusters}
    texts["groups"] = [json.dumps(each, ensure_ascii=False) for each in columns.groups]
    texts["scored"] = [json.dumps(each, ensure_ascii=False) for each in columns.scored]
    arrays: dict[str, Any] = {"doc_id": pyarrow.array(columns.numbers, pyarrow.int64())}
    arrays["key"] = pyarrow.array(columns.keys, pyarrow.string())
    told: dict[str, Any] = {"model_notes": columns.model_notes, "notes": columns.notes, "digests": dict(digests)}
    told |= {name: getattr(columns, name) for name in _TOLD}
    if columns.answers is not None:
        one = columns.answers
        texts |= {"label": one.labels, "answer": one.answers, "twin": one.twins}  # type: ignore[dict-item]
        arrays["prob"] = pyarrow.array(one.probs, pyarrow.float64())
        if isinstance(one.logprobs, np.ndarray):
            ends = np.arange(len(one.logprobs) + 1, dtype=np.int32) * one.logprobs.shape[1]
            arrays["logprobs"] = pyarrow.ListArray.from_arrays(ends, one.logprobs.ravel())
        else:
            arrays["logprobs"] = pyarrow.array(one.logprobs, pyarrow.list_(pyarrow.float64()))
        told["answers"] = {"classes": one.classes, "positive": one.positive, "notes": one.notes}
    arrays |= {name: pyarrow.array(each, pyarrow.string()).dictionary_encode() for name, each in texts.items()}
    arrays["start"] = pyarrow.array(columns.starts, pyarrow.int64())
    told["values"] = list(columns.values)
    arrays |= {f"value {k}": pyarrow.array(v, pyarrow.float64()) for k, v in enumerate(columns.values.values())}
    table = pyarrow.table(arrays).replace_schema_metadata({"lorafair": json.dumps(told)})
    sink = pyarrow.BufferOutputStream()
    counted = dict.fromkeys(("doc_id", "start"), "DELTA_BINARY_PACKED")  # they rise: small, and fast to read
    rest: dict[str, Any] = {"use_dictionary": list(texts), "column_encoding": counted, "write_statistics": False}
    parquet.write_table(table, sink, compression="zstd", **rest)
    return bytes(sink.getvalue())


def unpack(data: bytes, shared: Shared) -> Table:
    """A Parquet file's columns, without those that are held already; most of it lets other threads run.

    Raises:
        Exception: where it is no such file.
    """
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(pyarrow.BufferReader(data))
    told = json.loads(file.schema_arrow.metadata[b"lorafair"])
    held = {name for name, digest in told["digests"].items() if shared.find(name, digest) is not None}
    wanted = [name for name in file.schema_arrow.names if name not in held]
    return Table(file.read(columns=wanted, use_threads=False), told)


def list_columns(table: Table, shared: Shared) -> Columns:
    """The columns as lists; those that other files hold too are theirs.

    Raises:
        Exception: where they are not what :func:`pack` makes.
    """
    told = table.told

    def share(name: str, make: Any) -> list[Any]:
        found = shared.find(name, told["digests"][name])
        return shared.keep(name, told["digests"][name], make(name)) if found is None else found

    def raw(name: str) -> bytes:
        return _read_numbers(table.columns.column(name).combine_chunks()).tobytes()

    def numbers(name: str) -> list[Any]:
        return list(_read_numbers(table.columns.column(name).combine_chunks()).tolist())

    def texts(name: str, read: Any = None) -> list[Any]:
        column = table.columns.column(name).combine_chunks()
        words = [read(word) if read else word for word in column.dictionary.to_pylist()]
        codes = _read_numbers(column.indices)
        if column.null_count:
            bits = np.unpackbits(np.frombuffer(column.indices.buffers()[0], np.uint8), bitorder="little")
            codes = np.where(bits[column.offset : column.offset + len(column)], codes, len(words))
        return list(np.fromiter([*words, None], dtype=object, count=len(words) + 1)[codes].tolist())

    def lists(name: str) -> list[list[float]] | NDArray[np.float64]:
        column = table.columns.column(name).combine_chunks()
        flat, ends = _read_numbers(column.values), _read_numbers(column.offsets)
        wide = np.diff(ends)
        if len(wide) and (wide == wide[0]).all():
            return flat.reshape(len(wide), wide[0])
        listed = flat.tolist()
        return [listed[start:end] for start, end in pairwise(ends.tolist())]

    answers = None
    if "answers" in told:
        rest = told["answers"]
        listed = share("label", texts), texts("answer"), lists("logprobs"), share("prob", numbers), share("twin", texts)
        answers = Answers(*listed, tuple(rest["classes"]), rest["positive"], rest["notes"])
    return Columns(
        share("doc_id", numbers),
        share("key", lambda name: table.columns.column(name).to_pylist()),
        share("cluster", texts),
        share("groups", lambda name: texts(name, json.loads)),
        {metric: array("d", raw(f"value {k}")) for k, metric in enumerate(told["values"])},
        share("scored", lambda name: texts(name, lambda text: tuple(json.loads(text)))),
        array("q", raw("start")),
        answers,
        told["model_notes"],
        told["notes"],
        **{name: told[name] for name in _TOLD},
    )


def _read_numbers(column: Any) -> NDArray[Any]:
    """An Arrow array's numbers, whatever stands where there is none; its ``to_numpy`` would import pandas."""
    kind = np.dtype(str(column.type).replace("double", "float64"))
    return np.frombuffer(column.buffers()[1] or b"", kind, len(column), column.offset * kind.itemsize)
