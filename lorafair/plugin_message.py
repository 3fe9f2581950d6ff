"""Messages between this process and a plugin's: JSON, with arrays as bytes behind it; nothing in them is executed."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

LENGTH = struct.Struct(">Q")
LARGEST = 2**31
"""Bytes of a message's JSON, or of its arrays together, at most."""


def encode(message: Any) -> bytes:
    """A message of JSON's types, mappings, tuples and numpy arrays (those of objects arrive as text).

    Raises:
        TypeError: for anything else in it.
    """
    arrays: list[bytes] = []
    text = json.dumps(_pack(message, arrays)).encode("ascii")
    return b"".join([LENGTH.pack(len(text)), text, *arrays])


def decode(read: Callable[[int], bytearray]) -> Any:
    """The next message; its arrays own their memory and may be written to.

    Args:
        read: returns exactly so many bytes, or raises.

    Raises:
        ValueError: for bytes that are no message.
    """
    (length,) = LENGTH.unpack(read(LENGTH.size))
    if length > LARGEST:
        raise ValueError(f"a message of {length} bytes")
    return _unpack(json.loads(read(length)), read)


def _pack(value: Any, arrays: list[bytes]) -> Any:
    """JSON in which each object has one key: ``m`` for a mapping, ``t`` for a tuple, ``a`` for an array."""
    if isinstance(value, Mapping):
        return {"m": {str(key): _pack(each, arrays) for key, each in value.items()}}
    if isinstance(value, tuple):
        return {"t": _pack(list(value), arrays)}
    if isinstance(value, list):
        return [_pack(each, arrays) for each in value]
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        value = value.astype(str) if value.dtype.hasobject else value
        arrays.append(value.tobytes())
        return {"a": [value.dtype.str, list(value.shape), len(arrays[-1])]}
    return value


def _unpack(value: Any, read: Callable[[int], bytearray]) -> Any:
    if isinstance(value, list):
        return [_unpack(each, read) for each in value]
    if not isinstance(value, dict):
        return value
    if "m" in value:
        return {key: _unpack(each, read) for key, each in value["m"].items()}
    if "t" in value:
        return tuple(_unpack(value["t"], read))
    import numpy as np

    try:
        kind, shape, size = value["a"]
        dtype = np.dtype(kind)
        if dtype.kind not in "biufU" or not 0 <= size <= LARGEST:
            raise ValueError(f"an array of {kind}")
        return np.frombuffer(read(size), dtype=dtype).reshape(shape)
    except (KeyError, TypeError) as error:
        raise ValueError("no array where one was announced") from error
