"""What a plugin could change for others in its process: read before and after it ran, and told in words."""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections.abc import Mapping
from typing import Any

ENVIRONMENT = "environment variables"
OF_LIBRARIES = (ENVIRONMENT, "logging settings", "warning filters")
"""What libraries change while they are imported: told only of a plugin that imported nothing meanwhile."""


def read_state() -> dict[str, Any]:
    """By name, what is compared: seeds, torch's default type and threads, environment, folder, logging, warnings.

    numpy and torch are looked at where they are imported already.
    """
    root = logging.getLogger()
    state: dict[str, Any] = {
        "the state of Python's random numbers": random.getstate(),
        ENVIRONMENT: dict(os.environ),
        "the working folder": _read_folder(),
        "logging settings": (root.level, list(root.handlers), root.manager.disable),
        "warning filters": list(warnings.filters),
    }
    if numpy := sys.modules.get("numpy"):
        name, keys, *rest = numpy.random.get_state()
        state["the state of numpy's random numbers"] = (name, keys.tobytes(), *rest)
        state["numpy's error settings"] = numpy.geterr()
    torch = sys.modules.get("torch")
    state["torch's default type"] = str(torch.get_default_dtype()) if torch else "torch.float32"
    state["whether torch takes gradients"] = torch.is_grad_enabled() if torch else True
    if torch:
        state["the state of torch's random numbers"] = torch.get_rng_state().numpy().tobytes()
        state["torch's number of threads"] = torch.get_num_threads()
        state["torch's deterministic mode"] = torch.are_deterministic_algorithms_enabled()
    return state


def tell_changes(before: Mapping[str, Any], after: Mapping[str, Any], *, imported: bool) -> list[str]:
    """The names of what differs, environment variables by their names; what only one side knows is not compared.

    Args:
        before: from :func:`read_state`.
        after: the same, later.
        imported: whether modules were imported between the two (see ``OF_LIBRARIES``).
    """
    changed = [
        name
        for name in before
        if name in after and before[name] != after[name] and not (imported and name in OF_LIBRARIES)
    ]
    if ENVIRONMENT in changed:
        old, new = before[ENVIRONMENT], after[ENVIRONMENT]
        names = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        changed[changed.index(ENVIRONMENT)] = f"{ENVIRONMENT} ({shown})"
    return changed


def _read_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
