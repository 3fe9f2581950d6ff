"""All estimands of one model, or of one paired difference, from one sampled table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lorafair.statistics.between import estimate_between
from lorafair.statistics.confirmation import assess_change, compare_changes
from lorafair.statistics.detection import Scales, correlate, detect_changes
from lorafair.statistics.draw import Draw
from lorafair.statistics.grouping import name_gap
from lorafair.statistics.interval import Estimate, clip, estimate_family
from lorafair.statistics.log_odds import compare_log_odds, studentise_shares
from lorafair.statistics.projection import project_gap
from lorafair.statistics.resample import Sampled
from lorafair.statistics.settings import Settings
from lorafair.statistics.settling import Settling, contrast
from lorafair.statistics.studentised import Studentised, list_columns, take_part
from lorafair.statistics.table import Table


@dataclass(frozen=True)
class Summary:
    """Estimates over one table: ``overall``, and per attribute and group the ``levels`` and the ``contrasts``.

    Levels have pointwise intervals, contrasts simultaneous ones (max-T over the groups that carry a claim).  ``gaps``:
    attribute -> max minus min, its interval projected from simultaneous intervals of the levels.  ``between``:
    attribute -> double-corrected variance between the groups.  ``log_odds``, of a paired difference of rates: the
    contrasts' changes on that scale; ``changes``: how each group's odds changed against what the others' did in common,
    which confirms a verdict.  ``permuted``: attribute -> permutation p of equal rates; ``slopes``: attribute ->
    change of the level for each doubling of a group's share of the training data.
    """

    overall: Estimate
    n: int
    clusters: int
    levels: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    contrasts: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    gaps: dict[str, Estimate] = field(default_factory=dict)
    between: dict[str, Estimate] = field(default_factory=dict)
    log_odds: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    changes: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    permuted: dict[str, float] = field(default_factory=dict)
    slopes: dict[str, Estimate] = field(default_factory=dict)
    group_n: dict[str, dict[str, int]] = field(default_factory=dict)
    group_clusters: dict[str, dict[str, int]] = field(default_factory=dict)

    def carries_claim(self, settings: Settings, attribute: str | None = None, group: str = "") -> bool:
        """Whether there are enough documents and clusters (of this group) for a verdict."""
        n = self.n if attribute is None else self.group_n[attribute][group]
        clusters = self.clusters if attribute is None else self.group_clusters[attribute][group]
        return n >= settings.min_n and clusters >= settings.min_clusters

    def omnibus(self, attribute: str, settings: Settings) -> float | None:
        """p of equal rates over the attribute's groups: by permutation, else the smallest max-T p of its contrasts."""
        if attribute in self.permuted:
            return self.permuted[attribute]
        found = [
            one.p_max
            for name, one in self.contrasts[attribute].items()
            if one.p_max is not None and self.carries_claim(settings, attribute, name)
        ]
        return min(found) if found else None


def summarise(
    sampled: Sampled,
    table: Table,
    settings: Settings,
    *,
    exact: bool,
    signed: bool = False,
    pair: tuple[Sampled, Sampled] | None = None,
) -> Summary:
    """Turn samples into estimates.

    Args:
        sampled: of ``table`` (of both models' tables where ``signed``).
        pair: what a ``signed`` one is the difference of, for the log-odds; without it they are left out.
        table: the documents; ``y`` is the difference where ``signed``.
        settings: seed, B, alpha and the sizes from which on a group carries a claim.
        exact: the metric is the mean of ``y`` and ``y`` is bounded by 0 and 1 (-1 and 1 where ``signed``): exact
            bounds stand in where bootstrap-t is degenerate, and intervals end where the estimand does.
        signed: this is a paired difference.

    Returns:
        the summary; what cannot be estimated has ``value`` only, or None.
    """
    scales = pair if signed and exact else None
    sampled.draw.make_room()
    if "studentised" not in sampled.parts:
        prepare([(table, scales if scales is not None and sampled.halves is not None else (sampled,))])
    one_table = Settling(sampled, table, settings, exact, signed, sampled.parts.get("logits", {}))
    shape, settle = one_table.shape, one_table.settle
    names_of = {a: table.names[a] for a in table.groups if f"group:{a}={table.names[a][0]}" in sampled.keys}
    every = [(a, name) for a, names in names_of.items() for name in names]
    if exact and not signed:
        documents = {key: shape.documents[key] for key in ("overall", *(f"group:{a}={name}" for a, name in every))}
        studentise_shares(sampled, documents, one_table.logits)
    else:
        one_table.make([("overall", None), *((f"group:{a}={name}", None) for a, name in every)])
    one_table.make(contrast(*each) for each in every)
    overall = settle({"": ("overall", None)})[""]
    found = Summary(overall, shape.documents["overall"], shape.clusters["overall"])
    for attribute, names in names_of.items():  # a metric that is about groups itself gives none
        level = {name: (f"group:{attribute}={name}", None) for name in names}
        found.group_n[attribute] = {name: shape.documents[key] for name, (key, _) in level.items()}
        found.group_clusters[attribute] = {name: shape.clusters[key] for name, (key, _) in level.items()}
        found.levels[attribute] = settle(level, apart=True)
        claimed = one_table.list_claimed(attribute)
        found.contrasts[attribute], families = one_table.settle_contrasts(attribute, claimed)
        if scales is not None:
            _add_odds(found, one_table, scales, attribute, families)
        gap = float(sampled.estimate[sampled.keys.index(name_gap(table, attribute))])
        if signed:
            found.gaps[attribute] = Estimate(gap if np.isfinite(gap) else None, method="descriptive")
        else:
            together = settle({name: level[name] for name in names if found.group_n[attribute][name]})
            found.gaps[attribute] = project_gap(gap, together)
            found.between[attribute] = estimate_between(sampled, [level[name][0] for name in claimed], settings.alpha)
    return found


def _add_odds(
    found: Summary, table: Settling, scales: tuple[Sampled, Sampled], attribute: str, families: list[list[str]]
) -> None:
    """The second scale of an attribute's paired differences, and what both find together."""
    shape, alpha, times = table.shape, table.settings.alpha, table.sampled.draw.times
    against = {name: contrast(attribute, name) for name in found.contrasts[attribute]}
    sizes = {name: (shape.documents[key], shape.documents[rest]) for name, (key, rest) in against.items()}
    made_ahead: dict[str, dict[str, Studentised]] = table.sampled.parts.get("odds", {})
    odds = made_ahead.get(attribute) or compare_log_odds(scales, attribute, sizes)
    found.log_odds[attribute] = {}
    for family in families:
        mine = {name: odds[name] for name in family if name in odds}
        found.log_odds[attribute] |= estimate_family(mine, clusters=table.table.clusters, alpha=alpha)
    n = {name: size for name, size in found.group_n[attribute].items() if size}
    few = {name: min(shape.clusters[key] for key in against[name]) for name in odds}
    moved = compare_changes(scales, attribute, tuple(odds), n)
    found.changes[attribute] = {name: assess_change(one, few[name]) for name, one in moved.items()}
    made, detected = table.make(against.values()), {}
    for name, one in moved.items():
        rate = float(scales[1].estimate[scales[1].keys.index(against[name][0])])
        rate = min(max(rate, 0.5 / n[name]), 1 - 0.5 / n[name])
        alike = correlate(made[against[name]].influence, one.influence, times)
        both = found.contrasts[attribute][name], found.changes[attribute][name]
        detected[name] = Scales(*both, rate, few[name], alike)
    found.contrasts[attribute] |= detect_changes(detected, len(families[0]), alpha)


def prepare(asked: Sequence[tuple[Table, Sequence[Sampled]]]) -> None:
    """What the summaries of several models and pairs need of the resamples, of all at once: larger products are faster.

    Args:
        asked: (table, the model's sample, or both of a pair of means that lie in [0, 1]).
    """
    draws: dict[int, tuple[Draw, list[tuple[Table, Sequence[Sampled]]]]] = {}
    for table, sampled in asked:
        if not sampled[0].draw.few:
            draws.setdefault(id(sampled[0].draw), (sampled[0].draw, []))[1].append((table, sampled))
    for draw, each in draws.values():
        draw.make_room(sum(len(sampled[0].keys) * len(sampled) * 5 for _, sampled in each))
        draw.prepare([places for table, sampled in each for places in _list_moments(sampled, table)])


def _list_moments(sampled: Sequence[Sampled], table: Table) -> Iterator[list[int]]:
    """The columns behind every standard error of the summary of a model, or of the pair that both make."""
    yield list_columns([take_part(one, "overall") for one in sampled], sampled[0].draw)
    for attribute in table.groups:
        for name in table.names[attribute]:
            keys = contrast(attribute, name)
            if keys[0] in sampled[0].keys:
                yield list_columns([take_part(one, key) for one in sampled for key in keys], sampled[0].draw)


def clip_levels(found: Summary, low: float, high: float) -> Summary:
    """The summary of one model with the intervals of levels and gaps cut to the range that the metric can take."""
    levels = {a: {name: clip(one, low, high) for name, one in each.items()} for a, each in found.levels.items()}
    gaps = {a: clip(one, 0.0, high - low) for a, one in found.gaps.items()}
    return replace(found, overall=clip(found.overall, low, high), levels=levels, gaps=gaps)
