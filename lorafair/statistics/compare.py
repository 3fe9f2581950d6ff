"""One metric of one task over all models: each model by itself and each paired difference, then the family's claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lorafair.fork import share_work
from lorafair.statistics.ahead import take_difference
from lorafair.statistics.confirmation import confirm_groups
from lorafair.statistics.correction import adjust
from lorafair.statistics.gap import compare_gaps
from lorafair.statistics.group_size import relate_to_share
from lorafair.statistics.margin import read_margin
from lorafair.statistics.mcnemar import compare_answers
from lorafair.statistics.naming import name_changes
from lorafair.statistics.pair import LEAST, Column, Pair, sample_models
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import Summary, clip_levels, summarise
from lorafair.statistics.table import Metric
from lorafair.statistics.verdict import certain_sign

__all__ = ["Column", "Pair", "claim", "measure", "sample_models", "subtract"]


def measure(column: Column, label: str, metric: Metric, settings: Settings) -> Summary | None:
    """One model's levels, contrasts and gaps; None if none of its documents has the metric."""
    table, scored = column.table(label)
    if not len(table.y):
        return None
    (sampled,) = sample_models(column, [label], table, scored, metric, settings)
    found = summarise(sampled, table, settings, exact=column.bounded(metric))
    for attribute, shares in settings.shares.items():
        if attribute in found.levels:
            found.slopes[attribute] = relate_to_share(
                sampled, attribute, shares, clusters=found.clusters, alpha=settings.alpha
            )
    if settings.permute and column.is_mean(metric):
        from lorafair.statistics.permutation import permute_groups

        every = {attribute: permute_groups(table, attribute, settings) for attribute in table.groups}
        found.permuted.update({attribute: p for attribute, p in every.items() if p is not None})
    bounds: tuple[float, float] | None = getattr(column.function, "bounds", None)
    return found if bounds is None else clip_levels(found, *bounds)


def subtract(column: Column, label: str, reference: str, metric: Metric, settings: Settings) -> Pair | None:
    """The paired difference over the documents that both models have; None if they share none."""
    table, scored = column.table(label, reference)
    if not len(table.y):
        return None
    alike = not settings.permute
    sampled = sample_models(column, [label, reference], table, scored, metric, settings, alike=alike)
    exact = column.bounded(metric)
    one, other = sampled
    apart = take_difference(column, label, reference, (one, other)) or one.minus(other, halves=exact)
    found = summarise(apart, table, settings, exact=exact, signed=True, pair=(one, other))
    answers = table if column.tables is not None else replace(table, y=column.values[label][scored])
    earlier = table if column.tables is not None else replace(table, y=column.values[reference][scored])
    found = replace(found, gaps=compare_gaps((one, other, apart), (answers, earlier), found, settings, exact=exact))
    if settings.permute and column.tables is None:
        from lorafair.statistics.permutation import permute_pair

        found = permute_pair(found, column.function or metric, (answers, earlier), (one, other), settings)
    if column.is_mean(metric):
        changed = compare_answers(table, answers.y, earlier.y)
        if changed is not None:
            how = f"{found.overall.method}, p by exact McNemar ({changed.gained} up, {changed.lost} down)"
            found = replace(found, overall=replace(found.overall, p=changed.p, method=how))
    if "odds" in apart.parts:  # its estimands are linear in the clusters' sums, as further resamples ask
        made = apart.parts["studentised"].items()
        asked = {key: one.linear for key, one in made if key[1] or key[0] == "overall"}
        column.cache[None, "linear", label, reference] = asked
    return Pair(column, label, reference, found)


def claim(
    pairs: list[Pair],
    metric: Metric,
    settings: Settings,
    primary: Callable[[Column], bool] = lambda column: column.primary,
) -> list[Pair]:
    """Correct over the family of one reference and decide which groups a verdict names.

    The level family is checkpoints x tasks x metrics; the contrast family checkpoints x tasks x metrics x attributes,
    each represented by the smallest p of its groups on both scales: a group's is the larger of max-T's and that of its
    confirmation in log-odds by Holm over the attribute's groups.  Holm (or Benjamini-Hochberg) over each; a group's
    adjusted p is at least its attribute's.  Each of the family's tests may name a further group, which is one more
    chance of a false name: it is named at alpha over their number (under BH at its attribute's own step, Benjamini and
    Bogomolov 2014).  Cells that carry no claim are not in the family, nor are those of metrics
    that are not ``primary``: they are exploratory.  Questions with a margin have families of their own.
    """
    judged = [(i, pair) for i, pair in enumerate(pairs) if primary(pair.column)]
    levels = {
        i: pair.summary.overall.p
        for i, pair in judged
        if pair.summary.overall.p is not None and pair.summary.carries_claim(settings)
    }
    tests = {
        (i, attribute): p
        for i, pair in judged
        for attribute in pair.summary.contrasts
        if attribute not in pair.column.conditions and (p := _list_tests(pair, attribute, settings))
    }
    level_p = adjust(levels, settings.correction)
    contrast_p = adjust({key: min(p.values()) for key, p in tests.items()}, settings.correction)
    within = _adjust_margins([(i, pairs[i], (None,)) for i in levels], settings)
    keys: dict[int, list[_Key]] = {i: [] for i, _ in judged}
    for (i, attribute), p in tests.items():
        keys[i] += [(attribute, name) for name in p]
    within |= _adjust_margins([(i, pairs[i], tuple(names)) for i, names in keys.items()], settings)
    margins: dict[int, dict[_Key, tuple[float, float]]] = {}
    for (i, key), both in within.items():
        margins.setdefault(i, {})[key] = both
    done = []
    for i, pair in enumerate(pairs):
        level = level_p[i][0] if i in level_p else None
        done.append(replace(pair, p_level=level, p_contrast={}, certain={}, named={}, within=margins.get(i, {})))
    for (i, attribute), p in tests.items():
        whole, multiplier = contrast_p[i, attribute]
        p_group = {name: max(whole, min(1.0, multiplier * each)) for name, each in p.items()}
        contrasts = pairs[i].summary.contrasts[attribute]
        done[i].p_contrast[attribute] = p_group
        done[i].certain[attribute] = {
            n: certain_sign(contrasts[n], each, settings.alpha) for n, each in p_group.items()
        }
    steps = {key: contrast_p[key][1] if settings.correction == "bh" else float(len(tests)) for key in tests}
    every = {key: (*_describe(done[key[0]], key[1]), steps[key]) for key in tests}
    asked = list({told: key for key, told in every.items()}.items())  # columns that say the same are named once

    def name(k: int) -> dict[str, int]:
        i, attribute = asked[k][1]
        return name_changes(pairs[i], attribute, done[i].certain[attribute], metric, settings, steps[i, attribute])

    weights = [_weigh(done[i], attribute, settings) for _, (i, attribute) in asked]
    alone = [k for k, (_, (i, _)) in enumerate(asked) if getattr(pairs[i].column.function or metric, "alone", False)]
    named = dict(zip((told for told, _ in asked), share_work(name, weights, least=LEAST, alone=alone), strict=True))
    for (i, attribute), told in every.items():
        done[i].named[attribute] = dict(named[told])
    return done


_Key = tuple[str, str] | None


def _list_tests(pair: Pair, attribute: str, settings: Settings) -> dict[str, float]:
    """p of the groups with a claim: the larger of max-T's and that of the confirmation in log-odds."""
    contrasts, odds = pair.summary.contrasts[attribute], pair.summary.changes.get(attribute, {})
    claimed = {
        name: (one, one.p_max)
        for name, one in contrasts.items()
        if one.p_max is not None and pair.summary.carries_claim(settings, attribute, name)
    }
    confirmed = confirm_groups({name: one for name, (one, _) in claimed.items()}, odds)
    return {name: max(p, confirmed[name]) for name, (_, p) in claimed.items()}


def _describe(pair: Pair, attribute: str) -> tuple[object, ...]:
    """All that the names of an attribute's groups depend on."""
    return id(pair.summary), attribute, pair.column.higher_is_better, *pair.certain[attribute].items()


def _weigh(pair: Pair, attribute: str, settings: Settings) -> float:
    """About how long naming groups takes: nothing where no change is certain."""
    return any(pair.certain[attribute].values()) * 2.0 * pair.column.weigh(settings.resamples)


def _adjust_margins(
    cells: list[tuple[int, Pair, tuple[_Key, ...]]], settings: Settings
) -> dict[tuple[int, _Key], tuple[float, float]]:
    """Adjusted p values of the two questions with a margin, each over its own family."""
    raw: list[dict[tuple[int, _Key], float]] = [{}, {}]
    for i, pair, keys in cells:
        for key in keys:
            one = pair.summary.overall if key is None else pair.summary.contrasts[key[0]][key[1]]
            for family, p in zip(raw, read_margin(one, pair.column.higher_is_better), strict=True):
                if p is not None:
                    family[i, key] = p
    worse, apart = (adjust(family, settings.correction) for family in raw)
    return {key: (worse[key][0], apart[key][0]) for key in worse}
