"""Metrics as the leaderboard computes them: a stranger's never raises, what it cannot give is NaN and a reason."""

from __future__ import annotations

from typing import Any

import numpy as np

from lorafair.isolation import PluginFailed, is_built_in
from lorafair.metric import MARKS, list_keys, load_metric
from lorafair.registry import load_registry
from lorafair.statistics.table import Floats, Metric, Table


class Tried:
    """A stranger's metric; where it cannot be loaded or fails, NaN takes its place and ``failed`` says why.

    ``alone``: its plugin answers this process, and no fork of it.
    """

    alone = True

    def __init__(self, name: str) -> None:
        self.failed = ""
        self.entry = load_registry().get("metric", name)
        self._ask: Metric | None = None
        try:
            self._ask = load_metric(name)
        except PluginFailed as error:
            self.failed = str(error)
            return
        said = vars(self._ask)
        vars(self).update({key: said[key] for key in MARKS if key in said})
        if bounds := _read_range(said.get("bounds")):
            self.bounds = bounds

    def __call__(self, table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
        """The metric's answer, or NaN for every key."""
        if self._ask is not None and not self.failed:
            try:
                return self._ask(table, weights, **settings)
            except PluginFailed as error:
                self.failed = str(error)
        return {key: np.full(len(weights), np.nan) for key in list_keys(table)}

    def take_failure(self) -> str:
        """Why it failed, if it did; one that is loaded is asked again about the next column."""
        why = self.failed
        if self._ask is not None:
            self.failed = ""
        return why


def open_metric(name: str) -> Metric:
    """The metric of the registry called ``name``: a built-in as it is, a stranger's as :class:`Tried`.

    Raises:
        LorafairError: for an unknown metric, or a built-in that cannot be loaded.
    """
    return load_metric(name) if is_built_in(load_registry().get("metric", name)) else Tried(name)


def _read_range(ends: Any) -> tuple[float, float] | None:
    """A stranger's ``bounds``, where they are two numbers in order."""
    if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(isinstance(end, int | float) for end in ends):
        return None
    return (float(ends[0]), float(ends[1])) if ends[0] < ends[1] else None
