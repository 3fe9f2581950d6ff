"""What one line of a samples file says of its document, and the lines of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from lorafair.answer import read_pair


def read_lines(path: Path, data: bytes, notes: list[str], faults: list[str]) -> list[tuple[int, dict[str, Any]]] | None:
    """The samples of one file, each with the byte at which its line begins; a truncated last line is left out.

    Args:
        path: the file, for messages.
        data: what it holds.
        notes: gets a sentence on what was left out.
        faults: gets a sentence on what is wrong.

    Returns:
        None where the file cannot be used, and ``faults`` says why.
    """
    lines, start = list[tuple[int, bytes]](), 0
    for line in data.split(b"\n"):
        if line.strip():
            lines.append((start, line))
        start += len(line) + 1
    parsed: list[tuple[int, dict[str, Any]]] = []
    for number, (at, line) in enumerate(lines, start=1):
        try:
            sample = _parse(line)
            if not (isinstance(sample, dict) and isinstance(sample["metrics"], list)):
                raise TypeError
            if not isinstance(sample["doc_id"], int | float | str):
                raise TypeError
            parsed.append((at, sample))
        except (ValueError, RecursionError):
            if number < len(lines):
                faults.append(f"{path}:{number} is not JSON: run that evaluation again.")
                return None
            notes.append(f"last line of {path.name} is truncated and was left out")
        except (KeyError, TypeError):
            faults.append(f"{path}:{number} is not a sample of lm-eval 0.4 (no doc_id or metrics).")
            return None
    if not parsed:
        faults.append(f"{path} holds no samples: run that evaluation again.")
        return None
    return parsed


def _parse(line: bytes) -> Any:
    """What a line of JSON says.

    Raises:
        ValueError, RecursionError: if it is none.
    """
    try:
        return from_json(line)
    except ValueError:  # stricter about text that is none
        return json.loads(line.decode("utf-8", "replace"))


def read_cluster(sample: dict[str, Any]) -> str:
    """The cluster of a sample's document, else its pair, else the document itself."""
    cluster, pair = _mapping(sample.get("doc")).get("cluster"), read_pair(sample)
    alone = f"document {sample['doc_id']}" if pair is None else f"pair {pair}"
    return alone if cluster is None else f"cluster {cluster}"


def read_groups(sample: dict[str, Any], path: Path, faults: list[str]) -> dict[str, list[str]]:
    """The ``{attribute: [names]}`` of a sample's document; ``faults`` gets a sentence where they are not that."""
    groups = _mapping(sample.get("doc")).get("groups") or {}
    if not isinstance(groups, dict):
        faults.append(f"{path}: `groups` of document {sample['doc_id']} is not {{attribute: [names]}}.")
        return {}
    listed = {str(a): [n] if isinstance(n, str) else n for a, n in groups.items() if n}
    return {a: [str(name) for name in names] for a, names in listed.items() if isinstance(names, list)}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
