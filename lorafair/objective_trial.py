"""Try an objective on something tiny: twelve examples of two groups and two labels, and a model of one weight."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lorafair.plugin_contract import CONTRACTS, describe_value, fill_call
from lorafair.registry import Entry


def try_objective(entry: Entry, target: Any, call: Callable[[Callable[[], Any]], Any]) -> tuple[list[str], list[str]]:
    """A batch of every group, one of a single group, one without labels: a finite scalar with a gradient each time.

    What it remembers is taken out, put into a second one, and both have to give the same loss from there on.

    Args:
        entry: of the plugin.
        target: its function.
        call: runs code of the plugin (lorafair.plugin_guard.call_plugin of one entry).

    Returns:
        faults, notes.
    """
    import numpy as np
    import torch

    place = np.arange(12)
    members = np.column_stack([place < 8, place >= 8])
    labels = (place % 2).astype(np.int64)
    counts = np.column_stack([(members & (labels == label)[:, None]).sum(axis=0) for label in (0, 1)])
    given = fill_call(CONTRACTS["objective"], target, {"members": members, "labels": labels})

    def make() -> Any:
        return call(lambda: target(("group=a", "group=b"), counts.copy(), **given))

    weigh = make()
    if not callable(weigh):
        return [f"gave {describe_value(weigh)}, not a function of (losses, groups, labels)"], []
    try:
        inspect.signature(weigh).bind(None, None, None)
    except TypeError:
        return ["gave a function that does not take (losses, groups, labels)"], []
    for rows in (place, place[8:], place[:1]):
        faults = _try_batch(weigh, call, torch.tensor(members[rows]), torch.tensor(labels[rows]))
        if faults:
            return faults, []
    remember, recall = (callable(getattr(weigh, name, None)) for name in ("state_dict", "load_state_dict"))
    if remember != recall:
        return ["has only one of state_dict and load_state_dict"], []
    if not remember:
        return [], []
    second = make()
    state = call(lambda: {key: torch.as_tensor(value).clone() for key, value in weigh.state_dict().items()})
    call(lambda: second.load_state_dict(state))
    losses, inside, told = torch.linspace(0.1, 2.0, 12), torch.tensor(members), torch.tensor(labels)
    one = call(lambda: weigh(losses, inside, told))
    other = call(lambda: second(losses, inside, told))
    same = bool(torch.isclose(one, other, rtol=1e-5))
    return [] if same else [f"gives {float(other):g} after load_state_dict, where it gave {float(one):g}"], []


def _try_batch(weigh: Any, call: Callable[[Callable[[], Any]], Any], inside: Any, labels: Any) -> list[str]:
    """Faults of one batch's loss."""
    import torch

    weight = torch.ones((), requires_grad=True)
    losses = weight * torch.linspace(0.5, 1.5, len(inside))
    loss = call(lambda: weigh(losses, inside, labels))
    if not isinstance(loss, torch.Tensor) or loss.dim():
        return [f"gave {describe_value(loss)} as a batch's loss, not a scalar tensor"]
    if not bool(torch.isfinite(loss)):
        return [f"gave a loss of {float(loss)} for a batch of {len(inside)}"]
    return [] if loss.requires_grad else ["gave a loss without a gradient: it has to be made of `losses`"]
