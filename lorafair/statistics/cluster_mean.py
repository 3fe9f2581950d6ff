"""A weighted mean under all the weights from sums over clusters: what asking the metric gives, without asking it.

Weights of resamples and jackknife are the same for all documents of a cluster, so with A and N a cluster's sum of
values and number of documents (in the group) a mean is ``sum_c W_c A_c / sum_c W_c N_c``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lorafair.statistics.grouping import divide, name_gap, spread, sum_clusters
from lorafair.statistics.table import Floats, Table

CLOSE = 1e-9  # how far the metric's own answer may lie from the mean that it says it is


def weigh_clusters(table: Table, drawn: Floats) -> tuple[dict[str, Floats], Floats]:
    """The mean of ``y``, for everybody, every group, every group's rest, and the gaps.

    Args:
        table: n rows in C clusters, ``y`` without NaN.
        drawn: (B, C) cluster weights.

    Returns:
        key -> (1 + C + B,) values: the estimate, each cluster left out, each resample; NaN without documents.  And
        (C, K) the documents of each cluster behind each key, of a gap those behind the whole.
    """
    inside = {"overall": np.ones(len(table.y), dtype=bool)}
    for attribute, member in table.groups.items():
        for k, name in enumerate(table.names[attribute]):
            inside[f"group:{attribute}={name}"] = member[:, k]
    for attribute, member in table.groups.items():
        for k, name in enumerate(table.names[attribute]):
            inside[f"rest:{attribute}={name}"] = member.any(axis=1) & ~member[:, k]
    columns = np.column_stack(list(inside.values())).astype(np.float64)
    a, n = sum_clusters(columns * table.y[:, None], table), sum_clusters(columns, table)
    sums, sizes = a.sum(axis=0), n.sum(axis=0)
    left = np.where(sizes - n > 0.5, sizes - n, 0.0)  # counts of documents: what rounding leaves is none
    values = np.vstack([divide(sums, sizes), divide(sums - a, left), divide(drawn @ a, drawn @ n)])
    found = dict(zip(inside, values.T, strict=True))
    size = dict(zip(inside, n.T, strict=True))
    for attribute in table.groups:
        place = name_gap(table, attribute)
        levels = np.column_stack([found[f"group:{attribute}={name}"] for name in table.names[attribute]])
        found[place], size[place] = spread(levels), size["overall"]
    return found, np.column_stack(list(size.values()))


def is_mean(said: Mapping[str, Floats], found: Mapping[str, Floats]) -> bool:
    """Whether a metric's own answer for one row of ones has the keys and the values of the mean."""
    own = {key for key in found if not key.startswith("rest:")}
    return own == set(said) and all(
        np.allclose(np.asarray(said[key])[0], found[key][0], rtol=CLOSE, atol=CLOSE, equal_nan=True) for key in own
    )
