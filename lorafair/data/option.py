"""Options of a task: what its YAML's ``metadata:`` says, changed by ``--metadata``, checked before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from lorafair.errors import did_you_mean, raise_faults

Check = Callable[[Any], Any]
"""Gives the value as it is used, or raises ValueError with what is needed instead."""
NEAR = 0.8
"""From this likeness on a key that nobody knows is taken for one of ours misspelt (lm-eval adds the model's keys)."""


def read_options(metadata: Mapping[str, Any], checks: Mapping[str, Check], task: str) -> dict[str, Any]:
    """The options of a task out of its metadata; keys of others are left alone.

    Args:
        metadata: YAML and command line merged.
        checks: option -> how its value is read.
        task: its name, for messages.

    Raises:
        LorafairError: with every option that is missing, misspelt or has a value that does not exist.
    """
    faults, found = [], {}
    for key, check in checks.items():
        if key not in metadata:
            faults.append(f"{key} is missing in the task's metadata.")
            continue
        try:
            found[key] = check(metadata[key])
        except ValueError as error:
            faults.append(f"{key} is {metadata[key]!r}: {error}")
    for key in metadata:
        if key not in checks and (near := get_close_matches(str(key), checks, n=1, cutoff=NEAR)):
            faults.append(f"{key}: there is no such option. Did you mean {near[0]!r}?")
    raise_faults(f"The options of the task {task} have faults (`--metadata '{{\"option\": value}}'` sets them)", faults)
    return found


def one_of(*names: str) -> Check:
    """An option that is one of some names."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value in names:
            return value
        raise ValueError(_tell_names(value, names))

    return check


def some_of(names: Iterable[str]) -> Check:
    """An option that lists some of the names: a list, or text with commas; ``all`` for every one."""
    known = list(names)

    def check(value: Any) -> list[str]:
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, list | tuple) or not all(isinstance(each, str) for each in listed):
            raise ValueError(f"give a list of some of {', '.join(known)}, or all.")
        listed = [each.strip() for each in listed if each.strip()]
        if listed == ["all"]:
            return known
        if strange := [each for each in listed if each not in known]:
            raise ValueError(_tell_names(strange[0], known))
        if not listed:
            raise ValueError(f"give at least one of {', '.join(known)}, or all.")
        return list(dict.fromkeys(listed))

    return check


def count_from(least: int) -> Check:
    """An option that is a whole number of at least ``least``."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"a whole number of at least {least} is needed.")
        return value

    return check


def _tell_names(value: Any, names: Iterable[str]) -> str:
    known = list(names)
    near = did_you_mean(str(value), known)
    return f"give one of {', '.join(known)}.{near if near.startswith(' Did') else ''}"
