"""What measuring several models of a column needs of the resamples, made for all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lorafair.statistics.draw import Draw
from lorafair.statistics.even import is_even, prepare_even
from lorafair.statistics.pair import Column, sample_models, sum_ahead
from lorafair.statistics.resample import Sampled, take_draw
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import prepare
from lorafair.statistics.table import Metric, Table


def prepare_models(
    column: Column, labels: Sequence[str], references: Mapping[str, Sequence[str]], metric: Metric, settings: Settings
) -> None:
    """Make at once what ``measure`` and ``subtract`` of some models need, who find it in the column's cache.

    Args:
        labels: of a few models.
        references: label -> those it is compared with.
        metric: of a column without one of its own; for metrics that are no means of values in [0, 1] nothing is made.
        settings: as there.
    """
    if settings.permute or not column.bounded(metric):
        return
    every = {name for label in labels for name in (label, *references[label]) if name in column.values}
    sum_ahead(column, sorted(every), metric, settings)
    even: dict[int, tuple[Draw, list[tuple[Table, list[Sampled]]]]] = {}
    uneven, apart = list[tuple[Table, list[Sampled]]](), dict[tuple[int, int], Sampled]()
    for label in labels:
        for names in ([label], *([label, one] for one in references[label] if one in column.values)):
            table, scored = column.table(*names)
            if not len(table.y):
                continue
            sampled = sample_models(column, names, table, scored, metric, settings)
            if sampled[0].draw is not take_draw(table.clusters, settings.resamples, settings.seed):
                continue  # drawn by kinds
            if not all(is_even(one, table) for one in sampled):
                uneven.append((table, sampled))
                continue
            even.setdefault(id(sampled[0].draw), (sampled[0].draw, []))[1].append((table, sampled))
            if len(names) == 2:
                one, other = sampled
                apart[id(one), id(other)] = one.minus(other)
                column.cache[label, "apart", names[1]] = one, other, apart[id(one), id(other)]
    prepare(uneven)
    for _, asked in even.values():
        prepare_even(asked, apart)


def take_difference(column: Column, label: str, reference: str, pair: Sequence[Sampled]) -> Sampled | None:
    """The difference of two models' samples that was made ahead; None where it was not, or of others."""
    found: tuple[Sampled, Sampled, Sampled] | None = column.cache.pop((label, "apart", reference), None)
    return found[2] if found is not None and found[0] is pair[0] and found[1] is pair[1] else None
