"""Where an engine in this process computes."""

from __future__ import annotations

from typing import Any

from lorafair.errors import LorafairError


def open_device(name: str | None) -> Any:
    """The torch device called ``name``; None is a GPU where there is one, else the CPU.

    Raises:
        LorafairError: if it is not there.
    """
    import torch

    try:
        place = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        raise LorafairError(f"--device {name}: {error}. Leave it out, or name cpu.") from error
    return place
