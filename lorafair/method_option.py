"""A method's own options: read from ``NAME=VALUE``, held against what the method takes, written into a run's name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lorafair.errors import did_you_mean, raise_faults

GIVEN = ("rank", "alpha", "target_modules", "seed", "steps", "modules")
"""What a run gives to every method that names it; all other parameters are options."""


def read_options(texts: Iterable[str], flag: str = "--method-option") -> dict[str, Any]:
    """``("fraction=0.25", "place=back")`` as a dictionary; values are read as YAML scalars.

    Raises:
        LorafairError: for every text without a name and "=", a value that is not YAML, a name given twice.
    """
    import yaml

    faults, found = [], {}
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name.isidentifier():
            faults.append(f"{text!r} is not NAME=VALUE.")
        elif name in found:
            faults.append(f"{name} is given twice.")
        else:
            try:
                found[name] = yaml.safe_load(value)
            except yaml.YAMLError:
                faults.append(f"the value of {name}, {value!r}, cannot be read.")
    raise_faults(flag, faults)
    return found


def find_option_faults(
    options: Mapping[str, Any], methods: Mapping[str, Any], kind: str = "method", given: Iterable[str] = GIVEN
) -> list[str]:
    """A sentence per option that one of the methods (name to function) does not take, and per required one missing.

    Args:
        kind: of plugin, where they are no methods.
        given: the parameters that are no options.
    """
    kept = tuple(given)
    faults = []
    for name, method in methods.items():
        parameters = inspect.signature(method).parameters
        own = {key: found for key, found in parameters.items() if key not in kept}
        if not any(found.kind is found.VAR_KEYWORD for found in own.values()):
            can = f" It takes {', '.join(own)}." if own else " It takes none."
            faults += [
                f"The {kind} {name!r} takes no option {key!r}.{did_you_mean(key, own) or can}"
                for key in options
                if key not in own
            ]
        faults += [
            f"The {kind} {name!r} needs --{kind}-option {key}=…"
            for key, found in own.items()
            if found.default is found.empty and found.kind is not found.VAR_KEYWORD and key not in options
        ]
    return faults


def name_options(options: Mapping[str, Any]) -> str:
    """Options as the end of a run's folder name: ``-fraction0.25-placeback``; empty without options."""
    return "".join(f"-{key}{re.sub(r'[^0-9A-Za-z_.]+', '_', str(options[key]))}" for key in sorted(options))
