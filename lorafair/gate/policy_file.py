"""Reading a policy: every fault of the file in one message, with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.gate.policy import Eval, Policy, Rule

LARGEST = 1_000_000
"""Bytes of a policy file, at most."""


@dataclass(frozen=True)
class PolicyFile:
    """A policy with where it was read; ``lines`` holds the line of each rule, from 1."""

    path: Path
    policy: Policy
    lines: tuple[int, ...]


def read_policy(path: Path) -> PolicyFile:
    """Read and validate a policy.

    Raises:
        LorafairError: a file that cannot be read or is no YAML mapping, or all faults at once with their lines:
            unknown keys (with the closest known one), keys given twice, values of a wrong kind, rules that require
            nothing or contradict themselves.
    """
    import yaml
    from pydantic import ValidationError

    try:
        if path.stat().st_size > LARGEST:
            raise LorafairError(f"The policy {path} is larger than {LARGEST:,} bytes: that is no policy.")
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise LorafairError(f"The policy {path} cannot be read: {error.strerror}. Mend --policy.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise LorafairError(f"The policy {path} is not YAML in UTF-8: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise LorafairError(f"The policy {path} is no mapping. Write `rules:` with a list of rules below it.")
    faults = [f"line {line}: {text}" for line, text in _find_structure_faults(root)]
    raise_faults(f"The policy {path} has faults", faults)
    try:
        policy = Policy.model_validate(_construct(root))
    except ValidationError as error:
        found = sorted({(_find_line(root, one["loc"]), _explain(one)) for one in error.errors()})
        raise_faults(f"The policy {path} has faults", (f"line {line}: {text}" for line, text in found))
        raise
    lines = tuple(_find_line(root, ("rules", k)) for k in range(len(policy.rules)))
    return PolicyFile(path, policy, lines)


def _find_structure_faults(root: Any) -> Iterator[tuple[int, str]]:
    """Keys given twice, keys that are no text, and aliases (a policy is read by people, line by line)."""
    import yaml

    seen, stack = set[int](), [root]
    while stack:
        node = stack.pop(0)
        if id(node) in seen:
            yield node.start_mark.line + 1, "an anchor that is used again: write the values out."
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            stack += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = set[str]()
            for key, value in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                    yield line, "a key that is no text."
                elif key.value in keys:
                    yield line, f"{key.value!r} is given twice; keep one."
                else:
                    keys.add(key.value)
                stack.append(value)


def _construct(root: Any) -> Any:
    import yaml

    try:
        return yaml.constructor.SafeConstructor().construct_document(root)
    except (yaml.YAMLError, ValueError) as error:
        raise LorafairError(f"The policy holds a value that YAML cannot read: {error}") from error


def _find_line(root: Any, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest part of the file that a place of pydantic names."""
    import yaml

    node, line = root, root.start_mark.line + 1
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return int(line)


def _explain(error: Any) -> str:
    """One fault in a sentence, with its place in the file's own words."""
    loc = [part for part in error["loc"] if part != "schema_"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    last = str(loc[-1]) if loc else ""
    if error["type"] == "extra_forbidden":
        part = Policy if len(loc) == 1 else Rule if loc[0] == "rules" else Eval
        known = [field.alias or name for name, field in part.model_fields.items()]
        return f"{place}: unknown key {last!r}.{did_you_mean(last, known)}"
    if error["type"] == "missing":
        return f"{place}: is missing. Give it."
    said = str(error["msg"]).removeprefix("Value error, ").removesuffix(".")
    given = error.get("input")
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) else ""
    guess = did_you_mean(given, _find_choices(error)) if isinstance(given, str) else ""
    return f"{place + ': ' if place else ''}{said}{shown}.{guess}"


def _find_choices(error: Any) -> list[str]:
    import re

    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
