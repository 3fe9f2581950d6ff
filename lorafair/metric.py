"""Metrics of the registry as functions: built-ins as they are, strangers' in a process of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from lorafair.isolation import PluginFailed, is_built_in, open_plugin
from lorafair.plugin_source import identify_plugin
from lorafair.registry import load_registry, load_target
from lorafair.statistics.table import Floats, Metric, Table

MARKS = ("row_additive", "mean_of_y")
"""What decides how a metric is computed: whether equal rows may be merged, whether it is the mean of ``y``."""


def load_metric(name: str) -> Metric:
    """The metric called ``name`` as a function ``(table, weights, **settings) -> {key: (B,)}``.

    A stranger's carries the attributes of its function (``row_additive``, ``mean_of_y``, …) and raises PluginFailed
    where the stranger's raises, hangs, ends its process or breaks the contract (see :func:`measure`).

    Raises:
        PluginFailed: for a stranger's metric that cannot be loaded.
        LorafairError: for an unknown metric, or a built-in that cannot be loaded.
    """
    entry = load_registry().get("metric", name)
    if is_built_in(entry):
        function: Metric = load_target(entry)
        vars(function).update({key: entry.fields[key] for key in MARKS if key in entry.fields})
        return function
    plugin = open_plugin(entry)

    def ask(table: Table, weights: Floats, **settings: Any) -> dict[str, Floats]:
        columns = {field.name: getattr(table, field.name) for field in fields(table)}
        found: dict[str, Floats] = plugin.ask("measure", table=columns, weights=weights, settings=settings)
        return found

    vars(ask).update(plugin.describe()["attributes"] | entry.fields)
    return ask


def identify_metric(name: str) -> dict[str, Any]:
    """What decides a metric's numbers beside the table, for provenance: distribution, version, target, source hash.

    Raises:
        LorafairError: as :func:`load_metric`.
    """
    entry = load_registry().get("metric", name)
    if not is_built_in(entry):
        open_plugin(entry).describe()  # one that cannot be loaded has no identity
    return identify_plugin(entry)


def measure(metric: Metric, columns: Mapping[str, Any], weights: Floats, settings: Mapping[str, Any]) -> Any:
    """Call a metric and hold its answer to the contract.

    Args:
        metric: by the contract.
        columns: the fields of a :class:`Table`.
        weights: (B, n).
        settings: handed to the metric.

    Returns:
        the keys of :func:`list_keys` as float arrays of shape (B,), NaN for ``overall`` or a gap that the metric leaves
        out; what else it gives is dropped.

    Raises:
        PluginFailed: for missing groups, other shapes or types, or infinity, in words that follow the metric's name.
    """
    table = Table(**columns)
    found = metric(table, weights, **settings)
    if not isinstance(found, Mapping):
        raise PluginFailed(f"gave {repr(found)[:80]} where a mapping of keys to arrays was expected")
    needed = list_keys(table)
    if missing := [key for key in needed if key not in found and key.startswith("group:")]:
        raise PluginFailed(f"gave nothing for {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}")
    nothing = np.full(len(weights), np.nan)
    return {key: _take(key, found.get(key, nothing), len(weights)) for key in needed}


def list_keys(table: Table) -> list[str]:
    """What a metric answers about a table: ``overall``, each group, and each attribute's gap."""
    gaps = ["gap"] if len(table.groups) == 1 else [f"gap:{attribute}" for attribute in table.groups]
    return ["overall", *(f"group:{a}={name}" for a in table.groups for name in table.names[a]), *gaps]


def _take(key: str, value: Any, rows: int) -> Floats:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise PluginFailed(f"gave {repr(value)[:80]} for {key} where {rows} numbers were expected")
    if array.shape != (rows,):
        raise PluginFailed(
            f"gave an array of shape {array.shape} for {key}: one number for each of {rows} weights rows"
        )
    if np.isinf(array).any():
        raise PluginFailed(f"gave infinity for {key}: what cannot be estimated is NaN")
    return array.astype(np.float64)
