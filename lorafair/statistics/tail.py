"""Small p values of a large family: counted on over further resamples until there are enough beyond what was observed.

A p value that rests on at least ``ENOUGH`` resamples beyond the observed value stays as it is; the others are counted
over up to ``most`` of them (a sequential Monte Carlo p value, Besag and Clifford 1991, in blocks), so that 1/(B+1) can
survive a correction over the family without every interval taking as many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lorafair.statistics.block import Resampled, studentise_block
from lorafair.statistics.interval import Estimate
from lorafair.statistics.pair import Pair
from lorafair.statistics.summary import Settings
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
        left = [one for one in tallies.values() if one.is_short()]
        if not left:
            break
        for one, t in zip(left, studentise_block([one.resampled for one in left], settings, block), strict=True):
            one.add(dict(zip(one.found, t, strict=True)), settings)
    for i, one in tallies.items():
        done[i] = one.write(done[i], settings)
    return done


def _is_closed(pair: Pair, metric: Metric) -> bool:
    return pair.column.tables is None and bool(getattr(pair.column.function or metric, "closed_form", False))


@dataclass
class _Tally:
    """One pair's counts of resamples beyond what was observed, over ``n`` resamples so far.

    ``found``: the estimates with a bootstrap p, the level at None; ``families``: attribute -> (its members with a claim
    that have one, their share of all members with a claim).
    """

    resampled: Resampled
    n: int
    found: dict[_Key, Estimate]
    families: dict[str, tuple[list[str], float]]
    counts: dict[_Key, dict[str, int]] = field(default_factory=dict)

    def is_short(self) -> bool:
        """Whether a p value that goes into a family rests on too few resamples."""
        return any(
            count < ENOUGH
            for key, each in self.counts.items()
            for kind, count in each.items()
            if kind != "p" or key is None
        )

    def add(self, t: Mapping[_Key, Floats], settings: Settings) -> None:
        """Count over one more block of resamples, of which these are the studentised ones."""
        tops = {
            attribute: np.max([np.abs(t[attribute, name]) for name in members], axis=0)
            for attribute, (members, _) in self.families.items()
        }
        self.n += settings.resamples
        for key, one in self.found.items():
            top = np.abs(t[key]) if key is None else tops[key[0]]
            more = _count(one, t[key], top, settings.margin)
            self.counts[key] = {kind: count + more[kind] for kind, count in self.counts[key].items()}

    def write(self, pair: Pair, settings: Settings) -> Pair:
        """The pair with the p values of these counts."""
        if self.n == settings.resamples:
            return pair
        shares = {attribute: share for attribute, (_, share) in self.families.items()}
        made = {}
        for key, one in self.found.items():
            p = {kind: (1 + count) / (self.n + 1) for kind, count in self.counts[key].items()}
            if "p_max" in p and key is not None:
                p["p_max"] = min(1.0, p["p_max"] / shares[key[0]])
            made[key] = replace(one, **p, method=f"{one.method}, p from {self.n}")
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
    tally = _Tally(Resampled(table, [_name(key) for key in found]), n, found, families)
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


def _count(one: Estimate, t: Floats, top: Floats, margin: float | None) -> dict[str, int]:
    """Resamples of a block that lie beyond what was observed."""
    value, se = float(one.value or 0.0), float(one.se or 1.0)
    size = abs(value) / se
    counts = {"p": int(np.sum(np.abs(t) >= size)), "p_max": int(np.sum(top >= size))}
    if margin is not None:
        lost = np.isinf(t)
        counts["p_above"] = int(np.sum((t <= (value - margin) / se) | lost))
        counts["p_below"] = int(np.sum((t >= (value + margin) / se) | lost))
    return counts
