"""A penalty on the variance of the groups' losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from lorafair.errors import LorafairError
from lorafair.objective import check_sizes, choose_groups


def fairlora(
    groups: Sequence[str],
    counts: Any,
    *,
    labels: Any = None,
    weight: float = 1.0,
    over: Literal["groups", "labels"] = "groups",
    attribute: str | None = None,
    least: int = 2,
) -> Callable[[Any, Any, Any], Any]:
    """Mean loss + weight x variance of the groups' mean losses, after FairLoRA (Sukumaran et al. 2024, 2410.17358).

    That paper lowers "per-class variance in loss" in vision models: ``over=labels``.  The variance is that of the
    groups that the batch holds (the mean squared distance from their mean, each group counting alike), and 0 where it
    holds fewer than two.  An example counts in every group that it is in; one that is in none counts in the mean only.

    Args:
        groups, counts, labels: of the training data.
        weight: of the penalty, in 1 / nats; the paper's values are not known to this project.
        over: ``groups``, or ``labels`` for the classes of a classification head.
        attribute: only its groups.
        least: smallest size of a group in the data that is accepted.

    Raises:
        LorafairError: no groups (or labels), groups below ``least``, a weight below 0.
    """
    import numpy as np

    if weight < 0:
        raise LorafairError(f"its option weight is {weight}; it is not below 0.")
    if over not in ("groups", "labels"):
        raise LorafairError(f"its option over is {over!r}, not groups or labels.")
    if over == "labels":
        if labels is None:
            raise LorafairError("its rows have no labels. Take over=groups, or train a classification head.")
        return _penalise(weight, None, int(labels.max()) + 1)
    columns = choose_groups(groups, attribute)
    sizes = np.asarray(counts).sum(axis=1)
    check_sizes([groups[place] for place in columns], [int(sizes[place]) for place in columns], least)
    return _penalise(weight, columns, 0)


def _penalise(weight: float, columns: Sequence[int] | None, classes: int) -> Callable[[Any, Any, Any], Any]:
    def weigh(losses: Any, groups: Any, labels: Any) -> Any:
        import torch

        inside = torch.nn.functional.one_hot(labels, classes) if columns is None else groups[:, list(columns)]
        inside = inside.to(losses)
        sizes = inside.sum(dim=0)
        there = sizes > 0
        means = (inside * losses[:, None]).sum(dim=0)[there] / sizes[there]
        spread = means.var(correction=0) if len(means) > 1 else losses.new_zeros(())
        return losses.mean() + weight * spread

    return weigh
