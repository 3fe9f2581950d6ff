"""Recipes: one YAML file that describes an audit, a section per command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, did_you_mean, raise_faults

SECTIONS = (
    *("schema", "name", "title", "paper", "notes", "needs", "bases"),
    *("train", "eval", "probes", "score", "leaderboard", "statistics", "report"),
)


def has_section(path: Path, section: str) -> bool:
    """Whether a recipe has a section; False for what cannot be read, which :func:`read_recipe` tells."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(found, dict) and section in found


def read_recipe(path: Path, section: str, convert: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Read one section of a recipe.

    Args:
        path: a YAML file whose top level maps section names to mappings.
        section: the one to read; the others are only checked for their names.
        convert: for each key that the section may hold, a function from its YAML value to the value to use, which
            raises ValueError with a sentence if it cannot.

    Returns:
        The converted values of the keys that are there; keys are written with ``-`` or ``_`` alike.

    Raises:
        LorafairError: a file that cannot be read, or all faults at once: unknown sections and keys, keys given twice,
            values that do not convert, each with its line.
    """
    import yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise LorafairError(f"The recipe {path} cannot be read: {error.strerror}. Mend --config.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise LorafairError(f"The recipe {path} is not YAML in UTF-8: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise LorafairError(f"The recipe {path} is no mapping. Write `{section}:` with the settings below it.")
    construct = yaml.constructor.SafeConstructor().construct_document
    faults: list[str] = []
    found: dict[str, Any] = {}
    body: Any = None
    for key, node in root.value:
        if key.value not in SECTIONS:
            faults.append(
                f"line {key.start_mark.line + 1}: unknown section {key.value!r}.{did_you_mean(key.value, SECTIONS)}"
            )
        if key.value == section:
            body = node
    if body is None:
        faults.append(f"it has no section `{section}:`.")
    elif not isinstance(body, yaml.MappingNode):
        faults.append(f"line {body.start_mark.line + 1}: `{section}:` is no mapping of settings.")
    else:
        for key, node in body.value:
            place = f"line {key.start_mark.line + 1}"
            name = str(key.value).replace("-", "_")
            if name not in convert:
                faults.append(f"{place}: unknown key {key.value!r} in `{section}:`.{did_you_mean(name, convert)}")
            elif name in found:
                faults.append(f"{place}: {key.value!r} is given twice; keep one.")
            else:
                try:
                    found[name] = convert[name](construct(node))
                except ValueError as error:
                    found[name] = None
                    faults.append(f"{place}: {key.value}: {error}")
    raise_faults(f"The recipe {path} has faults", faults)
    return found
