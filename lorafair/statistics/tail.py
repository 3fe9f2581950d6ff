"""Small p values of a large family: counted on over further resamples until there are enough beyond what was observed.

A p value that rests on at least ``ENOUGH`` resamples beyond the observed value stays as it is; the others are counted
over up to ``most`` of them (a sequential Monte Carlo p value, Besag and Clifford 1991, in blocks), so that 1/(B+1) can
survive a correction over the family without every interval taking as many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lorafair.statistics.block import Key, Resampled, studentise_block
from lorafair.statistics.interval import Estimate
from lorafair.statistics.pair import Pair
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Metric, Table

ENOUGH = 20
TIE = 1e-5  # of a value, as in interval.py, in single precision
KINDS = ("p", "p_max", "p_above", "p_below")

_Key = tuple[str, str] | None


def sharpen(pairs: Sequence[Pair], metric: Metric, settings: Settings) -> list[Pair]:
    """The pairs of one column with small p values of levels and contrasts from up to ``settings.most`` resamples.

    Args:
        pairs: of :func:`lorafair.statistics.compare.subtract`, made with the same metric and settings.
        metric: of columns without one of their own; where it is not computed from sums over clusters, and for
            permutations, p values stay as they are.
        settings: ``resamples`` is the size of a block.
    """
    done = list(pairs)
    tallies = {}
    if settings.most > settings.resamples and not settings.permute:
        tallies = {i: _open(pair, settings) for i, pair in enumerate(pairs) if is_closed(pair, metric)}
    _count_on(list(tallies.values()), settings)
    for i, one in tallies.items():
        made, summary = one.write(settings), done[i].summary
        if made:
            contrasts = {
                a: {name: made.get((a, name), each) for name, each in every.items()}
                for a, every in summary.contrasts.items()
            }
            summary = replace(summary, overall=made.get(None, summary.overall), contrasts=contrasts)
            done[i] = replace(done[i], summary=summary)
    return done


def sharpen_contrasts(
    table: Table, attribute: str, contrasts: Mapping[str, Estimate], claimed: Sequence[str], settings: Settings
) -> dict[str, Estimate]:
    """The same of the contrasts of one attribute's groups by themselves.

    Args:
        table: with the groups whose contrasts they are; ``y`` is the difference of two models.
        contrasts: group -> estimate of the difference of means, from ``settings.resamples`` resamples.
        claimed: the groups that carry a claim, over which ``p_max`` is.
        settings: as in :func:`sharpen`.
    """
    tally = _count(table, None, {attribute: contrasts}, {attribute: claimed}, settings.resamples)
    _count_on([tally], settings)
    made = tally.write(settings)
    return {name: made.get((attribute, name), one) for name, one in contrasts.items()}


def _count_on(tallies: Sequence[_Tally], settings: Settings) -> None:
    """Further blocks of resamples, of what rests on too few beyond."""
    for block in range(1, settings.most // max(1, settings.resamples)):
        left = [(one, short) for one in tallies if (short := one.list_short())]
        if not left:
            break
        asked = [one.ask(short) for one, short in left]
        for (one, short), t in zip(left, studentise_block(asked, settings, block), strict=True):
            one.add(short, t, settings)


def is_closed(pair: Pair, metric: Metric) -> bool:
    """Whether the pair's numbers are computed from sums over clusters."""
    return pair.column.tables is None and bool(getattr(pair.column.function or metric, "closed_form", False))


@dataclass
class _Tally:
    """One pair's counts of resamples beyond what was observed.

    ``found``: the estimates with a bootstrap p, the level at None; ``n``: over how many resamples each was counted so
    far; ``families``: attribute -> (its members with a claim that have one, their share of all members with a claim).
    """

    resampled: Resampled
    n: dict[_Key, int]
    found: dict[_Key, Estimate]
    families: dict[str, tuple[list[str], float]]
    counts: dict[_Key, dict[str, int]] = field(default_factory=dict)

    def list_short(self) -> list[_Key]:
        """The level, and all members of a family, where a p value that is corrected rests on too few resamples."""
        together: list[list[_Key]] = [[None]] if None in self.found else []
        together += [[(attribute, name) for name in members] for attribute, (members, _) in self.families.items()]
        return [key for each in together if any(map(self._is_short, each)) for key in each]

    def ask(self, keys: Sequence[_Key]) -> Resampled:
        """The table with these estimands."""
        self.resampled = self.resampled.keep([_name(key) for key in keys])
        return self.resampled

    def _is_short(self, key: _Key) -> bool:
        return any(count < ENOUGH for kind, count in self.counts[key].items() if kind != "p" or key is None)

    def add(self, keys: Sequence[_Key], t: Floats, settings: Settings) -> None:
        """Count over one more block of resamples; ``t`` (K, B) are the studentised ones of ``keys``."""
        place = {key: k for k, key in enumerate(keys)}
        value, error = (
            np.array([[float(getattr(self.found[key], name) or other)] for key in keys])
            for name, other in (("value", 0.0), ("se", 1.0))
        )
        far, size = np.abs(t), np.abs(value) / error * (1 - TIE)
        more = {"p": np.count_nonzero(far >= size, axis=1), "p_max": np.zeros(len(t), dtype=np.intp)}
        for attribute, (members, _) in self.families.items():
            mine = [place[attribute, name] for name in members if (attribute, name) in place]
            if mine:
                more["p_max"][mine] = np.count_nonzero(far[mine].max(axis=0) >= size[mine], axis=1)
        if settings.margin is not None:
            lost = np.isinf(t)
            margin = settings.margin - TIE * (np.abs(value) + settings.margin)
            more["p_above"] = np.count_nonzero((t <= (value - margin) / error) | lost, axis=1)
            more["p_below"] = np.count_nonzero((t >= (value + margin) / error) | lost, axis=1)
        for key in keys:
            self.n[key] += settings.resamples
            self.counts[key] = {kind: n + int(more[kind][place[key]]) for kind, n in self.counts[key].items()}

    def write(self, settings: Settings) -> dict[_Key, Estimate]:
        """The estimates that were counted over more resamples, with the p values of these counts."""
        shares = {attribute: share for attribute, (_, share) in self.families.items()}
        made = {}
        for key, one in self.found.items():
            n = self.n[key]
            if n == settings.resamples:
                continue
            p = {kind: (1 + count) / (n + 1) for kind, count in self.counts[key].items()}
            if "p_max" in p and key is not None:
                p["p_max"] = min(1.0, p["p_max"] / shares[key[0]])
            made[key] = replace(one, **p, method=f"{one.method}, p from {n}")
        return made


def _open(pair: Pair, settings: Settings) -> _Tally:
    summary = pair.summary
    overall = summary.overall if summary.carries_claim(settings) else None
    claimed = {
        attribute: [name for name in each if summary.carries_claim(settings, attribute, name)]
        for attribute, each in summary.contrasts.items()
    }
    table, _ = pair.column.table(pair.label, pair.reference)
    known = pair.column.cache.get((None, "linear", pair.label, pair.reference))
    return _count(table, overall, summary.contrasts, claimed, settings.resamples, known)


def _count(
    table: Table,
    overall: Estimate | None,
    contrasts: Mapping[str, Mapping[str, Estimate]],
    claimed: Mapping[str, Sequence[str]],
    n: int,
    known: Mapping[Key, tuple[float, float, Floats]] | None = None,
) -> _Tally:
    """The counts behind p values that came from ``n`` resamples, of the level and of contrasts with a claim."""
    found: dict[_Key, Estimate] = {}
    families = {}
    if overall is not None and _is_counted(overall):
        found[None] = overall
    for attribute, each in contrasts.items():
        members = [name for name in claimed[attribute] if _is_counted(each[name])]
        if members:
            families[attribute] = members, len(members) / len(claimed[attribute])
            found |= {(attribute, name): each[name] for name in members}
    resampled = Resampled(table, [_name(key) for key in found], known)
    tally = _Tally(resampled, dict.fromkeys(found, n), found, families)
    for key, one in found.items():
        share = 1.0 if key is None else families[key[0]][1]
        told = {kind: getattr(one, kind) for kind in KINDS if key is not None or kind != "p_max"}
        tally.counts[key] = {
            kind: round(p * (share if kind == "p_max" else 1.0) * (n + 1)) - 1
            for kind, p in told.items()
            if p is not None
        }
    return tally


def _is_counted(one: Estimate) -> bool:
    """Whether its p value counts resamples: not one of a bound or of McNemar's test."""
    return one.method.startswith("cluster bootstrap-t") and "p by" not in one.method


def _name(key: _Key) -> tuple[str, str | None]:
    return ("overall", None) if key is None else (f"group:{key[0]}={key[1]}", f"rest:{key[0]}={key[1]}")
