"""Documents and their twins: the same text with another identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.table import Floats, Table


def average_twins(table: Table, differ: Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[Any]]) -> Floats:
    """For each document the mean of ``differ`` over its twins, the other documents of its pair.

    Args:
        table: n documents with ``twin`` (n,), the pair's code, -1 for none.
        differ: of two arrays of row numbers, one number for each two rows; symmetric.

    Returns:
        (n,), NaN for a document without a twin.
    """
    assert table.twin is not None
    total, twins = np.zeros(len(table.y)), np.zeros(len(table.y))
    order = np.argsort(table.twin, kind="stable")
    order = order[table.twin[order] >= 0]
    codes = table.twin[order]
    longest = int(np.bincount(codes).max(initial=0)) if len(codes) else 0
    for step in range(1, longest):
        together = codes[:-step] == codes[step:]
        one, other = order[:-step][together], order[step:][together]
        value = np.asarray(differ(one, other), dtype=np.float64)
        for rows in (one, other):
            total[rows] += value  # within one step each row occurs once on either side
            twins[rows] += 1
    return np.where(twins > 0, total / np.where(twins > 0, twins, 1), np.nan)
