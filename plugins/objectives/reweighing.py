"""Reweighing: weights under which who somebody is tells nothing of their label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorafair.errors import LorafairError
from lorafair.objective import choose_groups


class Reweighing:
    """The weight of each (groups, label) that the data hold; see :func:`reweighing`."""

    def __init__(self, columns: Sequence[int], members: Any, labels: Any) -> None:
        import numpy as np

        self._columns = list(columns)
        patterns, place = np.unique(members[:, self._columns], axis=0, return_inverse=True)
        both = np.zeros((len(patterns), labels.max() + 1))
        np.add.at(both, (place.ravel(), labels), 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            table = both.sum(1, keepdims=True) * both.sum(0, keepdims=True) / (len(members) * both)
        self._table = table
        self._place = {pattern.tobytes(): number for number, pattern in enumerate(patterns)}

    def find_weights(self, members: Any, labels: Any) -> Any:
        """Weights, float64 (n,), of examples that are in groups ``members`` (bool (n, G)) with ``labels`` (n,)."""
        import numpy as np

        rows = np.ascontiguousarray(members[:, self._columns])
        return self._table[[self._place[row.tobytes()] for row in rows], labels]

    def __call__(self, losses: Any, groups: Any, labels: Any) -> Any:
        import torch

        weights = self.find_weights(groups.cpu().numpy(), labels.cpu().numpy())
        return (torch.as_tensor(weights, dtype=losses.dtype, device=losses.device) * losses).mean()


def reweighing(
    groups: Sequence[str], counts: Any, *, members: Any, labels: Any = None, attribute: str | None = None
) -> Reweighing:
    """Kamiran and Calders 2012 (doi 10.1007/s10115-011-0463-8), section 5.2: W(s, y) = P(s) P(y) / P(s, y).

    Under these weights label and group are independent in the training data; the loss is the weighted mean over the
    batch.  Their s is one sensitive value.  Here s is the *set* of groups that an example is in (of one attribute, or
    of all): with one attribute and one group each it is theirs; where groups overlap, the label is independent of the
    whole set, hence of each group.  No group at all is a set too.

    A set that lacks a label altogether cannot be mended by weights: the rest keeps the weights of the formula, whose
    mean is then below 1.

    Args:
        groups, counts, members, labels: of the training data; bool (n, G), int (n,).
        attribute: only its groups.

    Raises:
        LorafairError: data without groups, or without labels.
    """
    columns = choose_groups(groups, attribute)
    if labels is None:
        raise LorafairError(
            "its rows have no labels, which the weights are made from. Train a classification head (--trainer "
            "classify), or take --objective group_dro."
        )
    return Reweighing(columns, members, labels)
