"""The mean of the examples' losses: what the other objectives are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def mean(groups: Sequence[str], counts: Any) -> Callable[[Any, Any, Any], Any]:
    """Empirical risk: every example counts alike, whatever its groups (Vapnik 1991).

    For a classification head this is the loss without any objective.  For a language model it is not: without an
    objective every *token* of a batch counts alike, here every example does, as in the other objectives.
    """
    return lambda losses, groups, labels: losses.mean()
