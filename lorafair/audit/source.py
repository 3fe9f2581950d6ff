"""A recipe's text: its values with the line of each, and what the command line sets over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, raise_faults

Place = tuple[str | int, ...]
MOST_VALUES = 20_000


@dataclass
class Source:
    """``tree``: the YAML's values; ``lines``: path of a value -> its line, from 1; ``given``: paths set by hand."""

    name: str
    tree: dict[str, Any]
    lines: dict[Place, int] = field(default_factory=dict)
    given: set[Place] = field(default_factory=set)

    def tell(self, place: Place) -> str:
        """Where a value stands, for a message: its line, or that of the closest value around it.

        A part that the file does not have (the number of an only element that was written without a list) is skipped.
        """
        found: Place = ()
        line: int | None = None
        by_hand = False
        for part in place:
            if (*found, part) in self.lines or (*found, part) in self.given:
                found = (*found, part)
                by_hand = found in self.given
                line = self.lines.get(found, line)
        if by_hand:
            return "--set"
        return f"line {line}" if line else "the recipe"


def read_source(path: Path, name: str | None = None) -> Source:
    """Read a recipe's YAML.

    Raises:
        LorafairError: for a file that cannot be read, is no YAML in UTF-8 or no mapping, or gives a key twice.
    """
    name = name or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LorafairError(
            f"The recipe {name} cannot be read: {error.strerror}. `lorafair recipe list` shows those that are shipped."
        ) from error
    except UnicodeDecodeError as error:
        raise LorafairError(f"The recipe {name} is not UTF-8: {error}. Save it as UTF-8.") from error
    return parse_source(text, name)


def parse_source(text: str, name: str) -> Source:
    """A recipe from its text; see :func:`read_source`."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise LorafairError(f"The recipe {name} is not YAML: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise LorafairError(f"The recipe {name} is no mapping. Write sections, as `train:` with its settings below it.")
    source = Source(name, {})
    faults: list[str] = []
    _note_lines(root, (), source, faults)
    raise_faults(f"The recipe {name} has faults", faults)
    try:
        source.tree = yaml.constructor.SafeConstructor().construct_document(root)
    except (yaml.YAMLError, TypeError) as error:
        raise LorafairError(f"The recipe {name} is not YAML: {error}") from error
    return source


def _note_lines(node: Any, place: Place, source: Source, faults: list[str], inside: tuple[int, ...] = ()) -> None:
    import yaml

    if id(node) in inside:
        faults.append(f"line {node.start_mark.line + 1}: an alias holds itself; write the values out.")
        return
    if len(source.lines) > MOST_VALUES:
        raise LorafairError(f"The recipe {source.name} holds more than {MOST_VALUES} values. Split it.")
    inside = (*inside, id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, str(key.value))
            if here in source.lines and key.value != "<<":
                faults.append(f"line {key.start_mark.line + 1}: {key.value!r} is given twice; keep one.")
            source.lines.setdefault(here, key.start_mark.line + 1)
            _note_lines(value, here, source, faults, inside)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            source.lines[*place, number] = value.start_mark.line + 1
            _note_lines(value, (*place, number), source, faults, inside)


def set_values(source: Source, assignments: Iterable[str]) -> None:
    """Put ``key=value`` of the command line over the recipe's values, in place.

    A key is a path with dots (``train.rank``, ``probes.0.limit``), a value is YAML.  Where a section is a list of
    blocks, ``train.lr`` sets it in all of them; what a block says ``by_method`` about that key gives way, too.

    Raises:
        LorafairError: with every assignment that is none.
    """
    import yaml

    faults: list[str] = []
    for text in assignments:
        key, sign, raw = text.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not sign or not all(parts):
            faults.append(f"{text!r} is no key=value, as train.rank=4 or eval.limit=20.")
            continue
        try:
            value = yaml.safe_load(raw)
        except yaml.YAMLError as error:
            faults.append(f"{text!r}: its value is not YAML ({str(error).splitlines()[0]}).")
            continue
        fault = _set(source, source.tree, (), parts, value)
        if fault:
            faults.append(f"{text!r}: {fault}")
    raise_faults("--set cannot be applied", faults)


def _set(source: Source, tree: Any, place: Place, parts: list[str], value: Any) -> str | None:
    name, *rest = parts
    if isinstance(tree, list):
        if not name.isdigit():
            faults = [_set(source, each, (*place, number), parts, value) for number, each in enumerate(tree)]
            return next((fault for fault in faults if fault), None)
        if int(name) >= len(tree):
            return f"there is no element {name}; {len(tree)} are there, counted from 0."
        key: str | int = int(name)
    elif isinstance(tree, dict):
        key = name.replace("-", "_") if name not in tree else name
    else:
        return f"{'.'.join(map(str, place))} is no section."
    if rest:
        if isinstance(tree, dict) and tree.get(key) is None:
            tree[key] = {}
        return _set(source, tree[key], (*place, key), rest, value)
    tree[key] = value  # type: ignore[index]
    source.given.add((*place, key))
    if isinstance(tree, dict) and isinstance(tree.get("by_method"), dict):
        for each in tree["by_method"].values():
            if isinstance(each, dict):
                each.pop(key, None)
    return None
