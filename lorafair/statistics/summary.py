"""All estimands of one model, or of one paired difference, from one sampled table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from lorafair.statistics.between import estimate_between
from lorafair.statistics.confirmation import assess_change, compare_changes
from lorafair.statistics.detection import Scales, correlate, detect_changes
from lorafair.statistics.exact import bound_estimate
from lorafair.statistics.grouping import name_gap
from lorafair.statistics.interval import Estimate, clip, estimate_each, estimate_family
from lorafair.statistics.log_odds import compare_log_odds, estimate_shares, studentise_shares
from lorafair.statistics.margin import judge_margin
from lorafair.statistics.projection import project_gap
from lorafair.statistics.resample import Sampled
from lorafair.statistics.shape import find_shape
from lorafair.statistics.studentised import Studentised, combine_all, list_columns, take_part
from lorafair.statistics.table import Table


@dataclass(frozen=True)
class Settings:
    """What the statistics are run with: shown in foot lines and recorded in provenance.

    A group (or the whole) carries a claim from ``min_n`` documents in ``min_clusters`` clusters on.  ``correction`` (of
    the family) is holm or bh; ``margin`` is the delta of non-inferiority and equivalence, None where nobody set one.
    ``permute``: p values by permutation; ``shares``: attribute -> group -> share of the training data, where known.
    Intervals come from ``resamples`` resamples; p values of paired differences that are so small that a correction for
    a large family may leave them significant come from ``most``, where that is more.
    """

    seed: int = 0
    resamples: int = 2000
    most: int = 0
    alpha: float = 0.05
    min_n: int = 30
    min_clusters: int = 10
    correction: str = "holm"
    margin: float | None = None
    permute: bool = False
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


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

    studentised: dict[tuple[str, str | None], Studentised] = {}
    logits: dict[str, Studentised] = {}
    part = cache(partial(take_part, sampled))
    sampled.draw.make_room()
    shape, clusters = find_shape(table), table.clusters

    def settle(keys: Mapping[str, tuple[str, str | None]], ends: float, *, apart: bool = False) -> dict[str, Estimate]:
        """The estimates, with simultaneous intervals unless they stand apart."""
        shares = exact and not signed and all(rest is None for _, rest in keys.values())
        estimate = estimate_each if apart else estimate_family
        if shares:
            n = {name: shape.documents[key] for name, (key, _) in keys.items()}
            named = {name: key for name, (key, _) in keys.items()}
            done = estimate_shares(
                sampled, named, n, logits, clusters=clusters, alpha=settings.alpha, estimate=estimate
            )
        else:
            make(keys.values())
            family = {name: studentised[two] for name, two in keys.items()}
            done = estimate(family, clusters=clusters, alpha=settings.alpha)
        for name, one in done.items():
            if settings.margin is not None and signed:
                one = judge_margin(one, family[name], settings.margin)
            if exact and one.low is None:
                group, rest = keys[name]
                one = bound_estimate(
                    table,
                    one.value,
                    one.se,
                    group=shape.mask(group, len(table.y)),
                    rest=None if rest is None else shape.mask(rest, len(table.y)),
                    signed=signed,
                    family=1 if apart else len(keys),
                    alpha=settings.alpha,
                    seed=settings.seed,
                    resamples=max(settings.resamples, settings.most if signed else 0),
                    margin=settings.margin if signed else None,
                )
            done[name] = clip(one, 0.0 if shares else -ends, ends)
        return done

    def make(wanted: Iterable[tuple[str, str | None]]) -> None:
        new = [two for two in dict.fromkeys(wanted) if two not in studentised]
        sums = [[part(key, sign) for key, sign in zip(two, (1.0, -1.0), strict=True) if key] for two in new]
        studentised.update(zip(new, combine_all(sums, sampled.draw), strict=True))

    scales = pair if signed and exact else None
    if not sampled.draw.few:
        sampled.draw.prepare(_list_moments(sampled, scales, table))
    names_of = {a: table.names[a] for a in table.groups if f"group:{a}={table.names[a][0]}" in sampled.keys}
    every = [f"{a}={name}" for a, names in names_of.items() for name in names]
    if exact and not signed:
        documents = {key: shape.documents[key] for key in ("overall", *(f"group:{each}" for each in every))}
        studentise_shares(sampled, documents, logits)
        make((f"group:{each}", f"rest:{each}") for each in every)
    else:
        make([("overall", None), *((f"group:{each}", None) for each in every)])
        make((f"group:{each}", f"rest:{each}") for each in every)
    end = 1.0 if exact else np.inf
    overall = settle({"": ("overall", None)}, end)[""]
    found = Summary(overall, shape.documents["overall"], shape.clusters["overall"])
    for attribute, names in names_of.items():  # a metric that is about groups itself gives none
        level = {name: (f"group:{attribute}={name}", None) for name in names}
        against = {name: (f"group:{attribute}={name}", f"rest:{attribute}={name}") for name in names}
        found.group_n[attribute] = {name: shape.documents[key] for name, (key, _) in against.items()}
        found.group_clusters[attribute] = {name: shape.clusters[key] for name, (key, _) in against.items()}
        found.levels[attribute] = settle(level, end, apart=True)
        claimed = [name for name in names if found.carries_claim(settings, attribute, name)]
        families = [claimed] + [[name] for name in names if name not in claimed]  # max-T over the first
        done = {k: v for f in families for k, v in settle({n: against[n] for n in f}, 2 * end).items()}
        found.contrasts[attribute] = {name: done[name] for name in names}
        if scales is not None:
            sizes = {name: (shape.documents[key], shape.documents[rest]) for name, (key, rest) in against.items()}
            odds = compare_log_odds(scales, attribute, sizes)
            each = [{name: odds[name] for name in family if name in odds} for family in families]
            done = {k: v for f in each for k, v in estimate_family(f, clusters=clusters, alpha=settings.alpha).items()}
            found.log_odds[attribute] = done
            n = {name: size for name, size in found.group_n[attribute].items() if size}
            few = {name: min(shape.clusters[key] for key in against[name]) for name in odds}
            moved = {name: compare_changes(scales, attribute, name, n) for name in odds}
            found.changes[attribute] = {name: assess_change(one, few[name]) for name, one in moved.items()}
            detected = {}
            for name, one in moved.items():
                rate = float(scales[1].estimate[scales[1].keys.index(level[name][0])])
                rate = min(max(rate, 0.5 / n[name]), 1 - 0.5 / n[name])
                alike = correlate(studentised[against[name]].influence, one.influence, sampled.draw.times)
                one_scale, other = found.contrasts[attribute][name], found.changes[attribute][name]
                detected[name] = Scales(one_scale, other, rate, few[name], alike)
            found.contrasts[attribute] |= detect_changes(detected, len(claimed), settings.alpha)
        gap = float(sampled.estimate[sampled.keys.index(name_gap(table, attribute))])
        if signed:
            found.gaps[attribute] = Estimate(gap if np.isfinite(gap) else None, method="descriptive")
        else:
            together = settle({name: level[name] for name in names if found.group_n[attribute][name]}, end)
            found.gaps[attribute] = project_gap(gap, together)
            found.between[attribute] = estimate_between(sampled, [level[name][0] for name in claimed], settings.alpha)
    return found


def _list_moments(sampled: Sampled, scales: tuple[Sampled, ...] | None, table: Table) -> Iterator[list[int]]:
    """The columns behind every standard error of the summary, so that their moments are made in one product."""
    yield list_columns([take_part(sampled, "overall")], sampled.draw)
    for attribute in table.groups:
        for name in table.names[attribute]:
            keys = f"group:{attribute}={name}", f"rest:{attribute}={name}"
            if keys[0] in sampled.keys:
                yield list_columns([take_part(sampled, key) for key in keys], sampled.draw)
                if scales is not None:
                    yield list_columns([take_part(one, key) for one in scales for key in keys], sampled.draw)


def clip_levels(found: Summary, low: float, high: float) -> Summary:
    """The summary of one model with the intervals of levels and gaps cut to the range that the metric can take."""
    levels = {a: {name: clip(one, low, high) for name, one in each.items()} for a, each in found.levels.items()}
    gaps = {a: clip(one, 0.0, high - low) for a, one in found.gaps.items()}
    return replace(found, overall=clip(found.overall, low, high), levels=levels, gaps=gaps)
