"""Small p values of a large family: counted on over further resamples until there are enough beyond what was observed.

A p value that rests on at least ``ENOUGH`` resamples beyond the observed value stays as it is; the others are counted
over up to ``most`` of them (a sequential Monte Carlo p value, Besag and Clifford 1991, in blocks), so that 1/(B+1) can
survive a correction over the family without every interval taking as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lorafair.statistics.block import Resampled, studentise_block
from lorafair.statistics.interval import Estimate
from lorafair.statistics.pair import Pair
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Metric

ENOUGH = 20
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
        tallies = {i: _open(pair, settings) for i, pair in enumerate(pairs) if _is_closed(pair, metric)}
    for block in range(1, settings.most // max(1, settings.resamples)):
        left = [(one, short) for one in tallies.values() if (short := one.list_short())]
        if not left:
            break
        asked = [one.ask(short) for one, short in left]
        for (one, short), t in zip(left, studentise_block(asked, settings, block), strict=True):
            one.add(short, t, settings)
    for i, one in tallies.items():
        done[i] = one.write(done[i], settings)
    return done


def _is_closed(pair: Pair, metric: Metric) -> bool:
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
        far, size = np.abs(t), np.abs(value) / error
        more = {"p": np.count_nonzero(far >= size, axis=1), "p_max": np.zeros(len(t), dtype=np.intp)}
        for attribute, (members, _) in self.families.items():
            mine = [place[attribute, name] for name in members if (attribute, name) in place]
            if mine:
                more["p_max"][mine] = np.count_nonzero(far[mine].max(axis=0) >= size[mine], axis=1)
        if settings.margin is not None:
            lost = np.isinf(t)
            more["p_above"] = np.count_nonzero((t <= (value - settings.margin) / error) | lost, axis=1)
            more["p_below"] = np.count_nonzero((t >= (value + settings.margin) / error) | lost, axis=1)
        for key in keys:
            self.n[key] += settings.resamples
            self.counts[key] = {kind: n + int(more[kind][place[key]]) for kind, n in self.counts[key].items()}

    def write(self, pair: Pair, settings: Settings) -> Pair:
        """The pair with the p values of these counts."""
        if all(n == settings.resamples for n in self.n.values()):
            return pair
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
        summary = pair.summary
        contrasts = {
            a: {name: made.get((a, name), one) for name, one in each.items()} for a, each in summary.contrasts.items()
        }
        return replace(pair, summary=replace(summary, overall=made.get(None, summary.overall), contrasts=contrasts))


def _open(pair: Pair, settings: Settings) -> _Tally:
    summary, n = pair.summary, settings.resamples
    found: dict[_Key, Estimate] = {}
    families = {}
    if _is_counted(summary.overall) and summary.carries_claim(settings):
        found[None] = summary.overall
    for attribute, each in summary.contrasts.items():
        claimed = [name for name in each if summary.carries_claim(settings, attribute, name)]
        members = [name for name in claimed if _is_counted(each[name])]
        if members:
            families[attribute] = members, len(members) / len(claimed)
            found |= {(attribute, name): each[name] for name in members}
    table, _ = pair.column.table(pair.label, pair.reference)
    tally = _Tally(Resampled(table, [_name(key) for key in found]), dict.fromkeys(found, n), found, families)
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
