"""What a plugin says of itself, without importing a stranger's code into this process."""

from __future__ import annotations

from typing import Any

from lorafair.isolation import is_built_in, open_plugin
from lorafair.registry import Entry, check_field, read_field


def read_mark(entry: Entry, key: str, target: Any = None) -> Any:
    """As :func:`lorafair.registry.read_field`; a stranger's scorer or metric is asked in the process of its own.

    Args:
        target: a built-in's, where the caller has it already.

    Returns:
        what its registry entry says, else what its target carries as an attribute, else None.

    Raises:
        LorafairError: if it cannot be loaded, or the attribute is not of the key's type.
    """
    if key in entry.fields or is_built_in(entry):
        return read_field(entry, key, target=target)
    return check_field(entry, key, open_plugin(entry).describe()["attributes"].get(key))
