"""Settings given on a command line."""

from __future__ import annotations

import json
from typing import Any

from lorafair.errors import LorafairError


def parse_settings(text: str, option: str) -> dict[str, Any]:
    """Settings given as JSON or as ``key=value,key=value``.

    Raises:
        LorafairError: if the text is neither, naming the option.
    """
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise LorafairError(f"{option}: {text!r} is not valid JSON ({error}).") from error
        return dict(found)
    settings: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, sign, value = part.partition("=")
        if not sign or not key.strip():
            raise LorafairError(f"{option}: {part!r} is no key=value. Write key=value,key=value or a JSON object.")
        try:
            settings[key.strip()] = json.loads(value)
        except ValueError:
            settings[key.strip()] = {"True": True, "False": False, "None": None}.get(value, value)
    return settings


def check_limit(limit: float | None) -> None:
    """Refuse a ``--limit`` that leaves no document.

    Raises:
        LorafairError: if it is 0 or less.
    """
    if limit is not None and not limit > 0:
        raise LorafairError(f"--limit {limit:g} leaves no document. Give a number above 0, or a share below 1.")
