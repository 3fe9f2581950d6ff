"""Training data: prompt/completion pairs, from the registry by name or from a .jsonl file, checked and tokenised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.blame import blame_plugin
from lorafair.errors import LorafairError, raise_faults
from lorafair.registry import load_registry, load_target

MOST_FAULTS = 10
IGNORED = -100  # the label that torch's cross entropy leaves out


@dataclass(frozen=True)
class Tokenised:
    """Token ids per pair, ``{"input_ids": [...], "labels": [...]}`` of equal length; labels are IGNORED on the prompt.

    ``truncated`` counts the pairs that were cut at ``max_length``.
    """

    examples: list[dict[str, list[int]]]
    truncated: int


@dataclass(frozen=True)
class Pairs:
    """Rows ``{"id", "prompt", "completion", "groups", "cluster"}`` and where they came from."""

    name: str
    rows: list[dict[str, Any]]
    provenance: dict[str, Any]
    _done: dict[int, tuple[Any, Tokenised]] = field(default_factory=dict, repr=False, compare=False)

    def tokenise(self, tokenizer: Any, max_length: int) -> Tokenised:
        """Tokenise all pairs for completion-only loss; a second call with the same arguments returns the same object.

        See :func:`tokenise_pairs`.
        """
        if max_length not in self._done or self._done[max_length][0] is not tokenizer:
            self._done[max_length] = (tokenizer, tokenise_pairs(self.rows, tokenizer, max_length))
        return self._done[max_length][1]


def load_pairs(name_or_path: str) -> Pairs:
    """Read training pairs: a data set of the registry that has a target, or a .jsonl file.

    A file has one JSON object per line with the strings ``prompt`` and ``completion``, and optionally ``id``,
    ``groups`` (``{attribute: [names]}``) and ``cluster``; other columns are ignored.

    Raises:
        LorafairError: an unknown data set, a missing file, or every faulty line at once.
    """
    registry = load_registry()
    if name_or_path in registry.names("dataset"):
        entry = registry.get("dataset", name_or_path)
        if entry.target is None:
            able = ", ".join(e.name for e in registry.entries("dataset") if e.target)
            raise LorafairError(
                f"The dataset {name_or_path!r} has no training pairs. These have: {able}. Or give a .jsonl file with "
                "the columns prompt and completion."
            )
        with blame_plugin(entry):
            found = list(enumerate(load_target(entry)(), start=1))
        rows = check_rows(f"The dataset {name_or_path!r}", found)
        kept = ("sample", "licence", "planted", "revision")
        facts = {key: entry.fields[key] for key in kept if key in entry.fields}
        facts |= {"source": "registry", "origin": f"{entry.origin} {entry.version}".strip()}
    else:
        path = Path(name_or_path).expanduser()
        if path.suffix not in {".jsonl", ".json"} and not path.exists():
            registry.get("dataset", name_or_path)  # raises with the closest names
        rows = check_rows(f"The training data {name_or_path}", read_lines(path))
        facts = {"source": "file"}
    text = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    facts |= {"name": name_or_path, "rows": len(rows), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return Pairs(name_or_path, rows, facts)


def read_lines(path: Path) -> list[tuple[int, Any]]:
    """(line number, JSON value) of each line that is not blank; a line that is not JSON comes as its error.

    Raises:
        LorafairError: if the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LorafairError(
            f"The training data {path} cannot be read: {error.strerror}. Give a .jsonl file, or a dataset name that "
            "`lorafair plugins list --kind dataset` shows."
        ) from error
    except UnicodeDecodeError as error:
        raise LorafairError(f"The training data {path} is not UTF-8 ({error}). Save it as UTF-8.") from error
    lines = text.split("\n")
    found: list[tuple[int, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((number, json.loads(line)))
        except ValueError as error:
            cut = ValueError("ends in the middle: the file is truncated. Copy it again, or remove that line")
            found.append((number, cut if number == len(lines) else error))
    return found


def check_rows(what: str, lines: Iterable[tuple[int, Any]]) -> list[dict[str, Any]]:
    """Numbered rows as training pairs, what they leave out filled in.

    Raises:
        LorafairError: with every faulty line at once, or if there is no row.
    """
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for number, row in lines:
        fault = _find_fault(row)
        if fault:
            faults.append(f"line {number}: {fault}.")
            continue
        rows.append(
            {
                "id": str(row.get("id", number)),
                "prompt": row["prompt"],
                "completion": row["completion"],
                "groups": row.get("groups") or {},
                "cluster": str(row.get("cluster", row.get("id", number))),
            }
        )
    if not rows and not faults:
        faults.append("it holds no pairs.")
    if len(faults) > MOST_FAULTS:
        faults = [*faults[:MOST_FAULTS], f"and {len(faults) - MOST_FAULTS} more lines."]
    raise_faults(f"{what} cannot be used", faults)
    return rows


def _find_fault(row: Any) -> str | None:
    if isinstance(row, ValueError):
        return str(row) if "truncated" in str(row) else f"not JSON ({row})"
    if not isinstance(row, Mapping):
        return f"not a JSON object but {type(row).__name__}"
    missing = [column for column in ("prompt", "completion") if column not in row]
    if missing:
        return f"no column {' and '.join(missing)} (found: {', '.join(map(str, row)) or 'none'}); rename or add it"
    for column in ("prompt", "completion"):
        if not isinstance(row[column], str):
            return f"{column} is {type(row[column]).__name__}, not a string"
        if not row[column].strip():
            return f"{column} is empty"
    if not isinstance(row.get("groups") or {}, Mapping):
        return 'groups is not of the form {"attribute": ["name"]}'
    return None


def tokenise_pairs(rows: list[dict[str, Any]], tokenizer: Any, max_length: int) -> Tokenised:
    """Token ids and labels of each pair: the loss lies on the completion's tokens and the end-of-sequence token only.

    Plain text, no chat template.  Prompt and completion are tokenised together, as a model reads them; where a token
    would span the boundary they are tokenised apart, so that the context is always the one seen when asking.  What is
    longer than ``max_length`` tokens loses its end.

    Args:
        rows: with ``prompt`` and ``completion``.
        tokenizer: a transformers tokenizer; special tokens that it puts in front (BOS) are kept.
        max_length: in tokens, end-of-sequence included.

    Raises:
        LorafairError: if the tokenizer has no end-of-sequence token, or prompts leave no room for any completion.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise LorafairError("The base's tokenizer has no eos_token: add one to its tokenizer_config.json.")
    prompts = [row["prompt"] for row in rows]
    completions = [row["completion"] for row in rows]
    heads = _encode(tokenizer, prompts, end)
    wholes = _encode(tokenizer, [p + c for p, c in zip(prompts, completions, strict=True)], end)
    examples: list[dict[str, list[int]]] = []
    truncated = 0
    full: list[str] = []
    for row, head, whole in zip(rows, heads, wholes, strict=True):
        if whole[: len(head)] != head:
            whole = head + tokenizer(row["completion"], add_special_tokens=False)["input_ids"]
        ids = [*whole, end]
        truncated += len(ids) > max_length
        labels = [IGNORED] * len(head) + ids[len(head) :]
        if len(head) >= max_length:
            full.append(f"pair {row['id']}: its prompt alone has {len(head)} tokens.")
        examples.append({"input_ids": ids[:max_length], "labels": labels[:max_length]})
    if len(full) > MOST_FAULTS:
        full = [*full[:MOST_FAULTS], f"and {len(full) - MOST_FAULTS} more."]
    raise_faults(f"Prompts leave no room for a completion in {max_length} tokens; raise --max-length", full)
    return Tokenised(examples, truncated)


def _encode(tokenizer: Any, texts: list[str], end: int) -> list[list[int]]:
    encoded = tokenizer(texts)["input_ids"]
    return [ids[:-1] if ids and ids[-1] == end else ids for ids in encoded]
