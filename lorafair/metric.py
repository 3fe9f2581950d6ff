"""Ask the registry for a metric, with what it says of itself as attributes of the function."""

from __future__ import annotations

import functools
from typing import Any

from lorafair.registry import load_registry, load_target
from lorafair.statistics.table import Floats, Metric

MARKS = ("row_additive", "mean_of_y")
"""What decides how a metric is computed: whether equal rows may be merged, whether it is the mean of ``y``."""


def load_metric(name: str) -> Metric:
    """The function of a metric; marks that its registry entry declares stand on it as if it had them itself.

    Raises:
        LorafairError: for an unknown metric, or one that cannot be loaded.
    """
    entry = load_registry().get("metric", name)
    function: Metric = load_target(entry)
    marks = {key: entry.fields[key] for key in MARKS if key in entry.fields}
    if not marks:
        return function

    @functools.wraps(function)
    def metric(*args: Any, **settings: Any) -> dict[str, Floats]:
        return function(*args, **settings)

    vars(metric).update(marks)
    return metric
