"""The largest minus the smallest level over groups, and how it changed: descriptive, projected from the groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lorafair.statistics.exact import bound_level
from lorafair.statistics.grouping import name_gap, spread
from lorafair.statistics.interval import Estimate
from lorafair.statistics.projection import METHOD, Bounds, project_change, project_spread
from lorafair.statistics.resample import Sampled
from lorafair.statistics.settings import Settings
from lorafair.statistics.studentised import studentise_all
from lorafair.statistics.summary import Summary
from lorafair.statistics.table import Table


def compare_gaps(
    sampled: tuple[Sampled, Sampled, Sampled],
    tables: tuple[Table, Table],
    found: Summary,
    settings: Settings,
    *,
    exact: bool,
) -> dict[str, Estimate]:
    """How max - min changed between two models, for each attribute: no p and no verdict, noise biases both.

    Both models' levels and each group's difference have simultaneous intervals (bootstrap-t with max-T, exact bounds
    where it does not serve); the change is what they allow, and no more than the groups' differences spread.

    Args:
        sampled: the model, the reference with the same weights, and their difference.
        tables: both models', over the same documents.
        found: the paired difference's summary, for the groups' sizes.
        settings: the intervals hold together at ``1 - alpha``.
        exact: ``y`` of both tables is what the metric is the mean of, and lies in [0, 1].

    Returns:
        attribute -> change; without an interval where a level has none.
    """
    done = {}
    for attribute in found.gaps:
        value = found.gaps[attribute].value
        names = [name for name, n in found.group_n[attribute].items() if n]
        done[attribute] = found.gaps[attribute]
        if value is None or len(names) < 2 or not _is_spread(sampled[:2], tables[0], attribute, names):
            continue
        bounds = _bound(sampled, tables, attribute, names, found, settings, exact)
        if bounds is not None:
            low, high = project_change(project_spread, *([each] for each in bounds))
            done[attribute] = Estimate(value, None, low, high, METHOD)
    return done


def _is_spread(pair: Sequence[Sampled], table: Table, attribute: str, names: Sequence[str]) -> bool:
    """Whether what the metric calls a gap is max - min of the groups' levels."""
    for one in pair:
        levels = one.estimate[[one.keys.index(f"group:{attribute}={name}") for name in names]]
        gap = one.estimate[one.keys.index(name_gap(table, attribute))]
        if not np.isclose(spread(levels[None, :])[0], gap, rtol=1e-9, atol=1e-12):
            return False
    return True


def _bound(
    sampled: Sequence[Sampled],
    tables: tuple[Table, Table],
    attribute: str,
    names: Sequence[str],
    found: Summary,
    settings: Settings,
    exact: bool,
) -> list[Bounds] | None:
    """Simultaneous bounds of the first model's levels, of the second's, and of the groups' differences."""
    keys: list[tuple[str, str | None]] = [(f"group:{attribute}={name}", None) for name in names]
    cells = [made[key] for made in (studentise_all(one, keys) for one in sampled) for key in keys]
    large = [found.carries_claim(settings, attribute, name) for name in names] * 3
    usable = np.array([cell.usable and size for cell, size in zip(cells, large, strict=True)])
    if not exact and not usable.all():
        return None
    level, quantile = settings.alpha * usable.mean(), 0.0
    if usable.any():
        top = np.sort(np.abs([cell.t for cell, use in zip(cells, usable, strict=True) if use]).max(axis=0))
        quantile = float(top[min(len(top), int(np.ceil((1 - level) * (len(top) + 1)))) - 1])
    member = tables[0].groups[attribute]
    both = (*tables, replace(tables[0], y=tables[0].y - tables[1].y))
    bounds: list[tuple[float, float]] = []
    for k, cell in enumerate(cells):
        which, name = divmod(k, len(names))
        if usable[k]:
            ends = cell.value - quantile * cell.se, cell.value + quantile * cell.se
            low = (-1.0 if which == 2 else 0.0) if exact else -np.inf
            bounds.append((max(ends[0], low), min(ends[1], 1.0 if exact else np.inf)))
        else:
            inside = member[:, tables[0].names[attribute].index(names[name])]
            bounds.append(bound_level(both[which], inside, settings.alpha / len(cells), signed=which == 2))
    return [bounds[k : k + len(names)] for k in range(0, len(bounds), len(names))]
