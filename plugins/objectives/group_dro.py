"""Group DRO: the loss of the worst group, by weights that follow the groups' losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lorafair.errors import LorafairError, raise_faults
from lorafair.objective import check_sizes, choose_groups


class WorstGroup:
    """Weights q over G cells and the loss that they make of a batch; see :func:`group_dro`."""

    def __init__(
        self, names: Sequence[str], columns: Sequence[int], cells: Any, size: int, step_size: float, adjustment: float
    ) -> None:
        import numpy as np
        import torch

        self._columns = list(columns)
        self._classes = cells.shape[2]
        sizes = cells.sum(axis=0).reshape(-1)
        self._kept = np.flatnonzero(sizes).tolist()
        self._names = [names[place] for place in self._kept]
        sizes = torch.tensor(sizes[self._kept], dtype=torch.float32)
        self._share = sizes / size
        self._margin = adjustment / sizes.sqrt()
        self._step_size = step_size
        self._log_weights = torch.full((len(self._kept),), 1.0 / len(self._kept)).log()

    @property
    def weights(self) -> Any:
        """q, torch float32 (cells,), sums to 1."""
        return self._log_weights.exp()

    def __call__(self, losses: Any, groups: Any, labels: Any) -> Any:
        import torch

        device = losses.device
        chosen = groups[:, self._columns].to(device)
        inside = torch.cat([chosen, ~chosen.any(dim=1, keepdim=True)], dim=1).to(losses.dtype)
        if self._classes > 1:
            told = torch.nn.functional.one_hot(labels.to(device), self._classes).to(losses.dtype)
            inside = (inside[:, :, None] * told[:, None, :]).flatten(1)
        inside = inside[:, self._kept]
        # unbiased for each cell's mean loss, also where a batch holds none of it
        means = (inside * losses[:, None]).sum(dim=0) / (len(losses) * self._share.to(device))
        raised = self._log_weights.to(device) + self._step_size * (means.detach() + self._margin.to(device))
        self._log_weights = raised.log_softmax(dim=0)
        return (self.weights * means).sum()

    def state_dict(self) -> dict[str, Any]:
        return {"log_weights": self._log_weights.cpu()}

    def describe(self) -> dict[str, Any]:
        return {"weights": dict(zip(self._names, self.weights.tolist(), strict=True))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._log_weights = state["log_weights"].clone()


def group_dro(
    groups: Sequence[str],
    counts: Any,
    *,
    members: Any,
    labels: Any = None,
    step_size: float = 0.01,
    adjustment: float = 0.0,
    attribute: str | None = None,
    by_label: bool = False,
    least: int = 2,
) -> WorstGroup:
    """Sagawa, Koh, Hashimoto, Liang 2020 (arXiv 1911.08731), algorithm 1: min over the model, max over the groups.

    After every batch q_g <- q_g exp(step_size (L_g + adjustment / sqrt(n_g))), normalised; the batch's loss is
    sum_g q_g L_g.  L_g is the sum of the losses of g's examples in the batch over (batch size times g's share of the
    data): unbiased for the group's mean loss under ordinary shuffling.  (The authors' code takes the mean over g's
    examples in the batch and draws batches that are balanced over the groups; where a batch holds each group in its
    share the two are equal.)

    Overlapping groups: an example counts in every group that it is in.  Examples in no (chosen) group are one group
    more, so that nothing of the data is without weight.

    Args:
        groups, counts, members, labels: of the training data; bool (n, G), int (n,).
        step_size: of the exponentiated gradient; 0.01 in the paper.
        adjustment: C of the group adjustment, for small groups that are easily learnt by heart; 0 to 5 in the paper.
        attribute: only its groups; without it the groups of all attributes compete in one maximum.
        by_label: a group with each label is a group of its own, as in the paper's data sets.
        least: smallest size of a group (or of a group with a label) that is accepted.

    Raises:
        LorafairError: no groups, no labels for ``by_label``, groups below ``least``, a step size or adjustment below 0.
    """
    import numpy as np

    wrong = {"step_size": step_size, "adjustment": adjustment}
    raise_faults("it has options out of range", [f"{k} is {v}; it is not below 0." for k, v in wrong.items() if v < 0])
    columns = choose_groups(groups, attribute)
    if by_label and labels is None:
        raise LorafairError("its rows have no labels, which by_label needs. Leave by_label out.")
    inside = np.column_stack([members[:, columns], ~members[:, columns].any(axis=1)])
    classes = labels.max() + 1 if by_label else 1
    told = (labels if by_label else np.zeros(len(members), int))[:, None] == np.arange(classes)
    cells = inside[:, :, None] & told[:, None, :]
    sizes = cells.sum(axis=0)
    names = [*(groups[place] for place in columns), "no group"]
    ends = [f" with label {place}" if by_label else "" for place in range(classes)]
    names = [f"{name}{end}" for name in names for end in ends]
    there = [(name, int(size)) for name, size in zip(names, sizes.reshape(-1), strict=True) if size]
    check_sizes([name for name, _ in there], [size for _, size in there], least)
    return WorstGroup(names, columns, cells, len(members), step_size, adjustment)
