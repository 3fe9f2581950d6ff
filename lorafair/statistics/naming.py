"""Which groups a verdict names, among fewer and fewer of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lorafair.statistics.confirmation import assess_change, compare_changes, join_scales
from lorafair.statistics.interval import Estimate
from lorafair.statistics.pair import Pair, sample_models
from lorafair.statistics.settings import Settings
from lorafair.statistics.settling import Settling, contrast
from lorafair.statistics.table import Metric
from lorafair.statistics.tail import ENOUGH, is_closed, sharpen_contrasts
from lorafair.statistics.verdict import name_groups


def name_changes(
    pair: Pair, attribute: str, certain: Mapping[str, int], metric: Metric, settings: Settings, tests: float
) -> dict[str, int]:
    """:func:`lorafair.statistics.verdict.name_groups` of an attribute: group -> sign, the named ones only.

    Args:
        pair: with the summary that all groups' contrasts are from.
        attribute: whose groups.
        certain: group -> sign of its change, after every correction.
        metric: of a column without one of its own.
        settings: B; p values that few of so many resamples are beyond are counted over ``most``.
        tests: how many times as certain a further group has to be.
    """

    def again(names: tuple[str, ...]) -> Mapping[str, Estimate]:
        found = _compare_again(pair, attribute, names, metric, settings)
        if not pair.seeds and is_closed(pair, metric):
            return found
        least = min((one.p_max for one in found.values() if one.p_max is not None), default=1.0)
        if settings.most > settings.resamples and least * (settings.resamples + 1) <= ENOUGH:
            more = replace(settings, resamples=settings.most, most=0)  # too few beyond to count on
            found = _compare_again(pair, attribute, names, metric, more)
        return found

    return name_groups(
        certain,
        pair.joined(attribute),
        pair.summary.levels[attribute],
        again,
        higher_is_better=pair.column.higher_is_better,
        alpha=settings.alpha,
        tests=tests,
    )


def _compare_again(
    pair: Pair, attribute: str, names: tuple[str, ...], metric: Metric, settings: Settings
) -> dict[str, Estimate]:
    """The contrasts' changes on both scales among some of the groups."""
    column = pair.column
    if pair.seeds:
        from lorafair.statistics.method import measure_method

        keep = (attribute, names)
        method = measure_method(column, pair.label, pair.seeds, pair.versus, metric, settings, keep)
        return {} if method is None else method.joined(attribute)
    table, scored = column.table(pair.label, pair.reference)
    few = table.keep(attribute, names)
    one, other = sample_models(column, (pair.label, pair.reference), few, scored, metric, settings, (attribute, names))
    apart, exact = one.minus(other), column.bounded(metric)
    apart.draw.make_room()
    left = Settling(apart, few, settings, exact, signed=True)
    claimed = left.list_claimed(attribute)
    contrasts, _ = left.settle_contrasts(attribute, claimed)
    if is_closed(pair, metric):
        contrasts = sharpen_contrasts(few, attribute, contrasts, claimed, settings)
    if not exact:
        return contrasts
    documents = {name: left.shape.documents[contrast(attribute, name)[0]] for name in names}
    known = {name: n for name, n in documents.items() if n}
    asked = [name for name in known if left.shape.documents[contrast(attribute, name)[1]]]
    moved = compare_changes((one, other), attribute, asked, known)
    sizes = {name: min(left.shape.clusters[key] for key in contrast(attribute, name)) for name in asked}
    return {
        name: join_scales(each, assess_change(moved[name], sizes[name]) if name in moved else None)
        for name, each in contrasts.items()
    }
