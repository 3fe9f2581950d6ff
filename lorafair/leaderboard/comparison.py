"""A pair's differences as records: what is said of a model's level and of a group's contrast."""

from __future__ import annotations

import math
from typing import Any, Literal

from lorafair.records import Comparison, Verdict
from lorafair.statistics.compare import Pair
from lorafair.statistics.interval import Estimate
from lorafair.statistics.settings import Settings
from lorafair.statistics.verdict import add_margin, certain_sign, judge


def _comparison(
    pair: Pair,
    quantity: Literal["level", "contrast"],
    found: Estimate,
    n: int,
    clusters: int,
    margin: float | None = None,
    **claims: Any,
) -> Comparison:
    return Comparison(
        reference=pair.reference,
        quantity=quantity,
        difference=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        minimum_detectable=found.minimum_detectable,
        documents=n,
        clusters=clusters,
        margin=None if found.p_above is None else margin,
        **claims,
    )


def compare_levels(pair: Pair, attribute: str | None, name: str, settings: Settings) -> Comparison:
    """The metric itself; a group's own level is exploratory and carries no claim."""
    summary = pair.summary
    if attribute is not None:
        found = summary.levels[attribute][name]
        n, clusters = summary.group_n[attribute][name], summary.group_clusters[attribute][name]
        return _comparison(pair, "level", found, n, clusters, p=found.p, p_adjusted=None, verdict="no claim")
    found = summary.overall
    sign = certain_sign(found, pair.p_level, settings.alpha)
    word = judge(sign, pair.column.higher_is_better, claim=pair.p_level is not None)
    claims = _within(pair, None, word, settings) | {"p": found.p, "p_adjusted": pair.p_level}
    return _comparison(pair, "level", found, summary.n, summary.clusters, **claims)


def compare_spreads(pair: Pair, attribute: str) -> Comparison:
    """How max - min over the groups changed: descriptive, without p and verdict."""
    summary = pair.summary
    n = sum(summary.group_n[attribute].values())
    none: dict[str, Any] = {"p": None, "p_adjusted": None, "verdict": "no claim"}
    return _comparison(pair, "level", summary.gaps[attribute], n, summary.clusters, **none)


def _within(pair: Pair, key: tuple[str, str] | None, word: Verdict, settings: Settings) -> dict[str, Any]:
    """The questions with a margin, and the word with their answer."""
    worse, apart = pair.within.get(key, (None, None))
    word = add_margin(word, pair.within.get(key), settings.alpha)
    return {"margin": settings.margin, "p_not_worse": worse, "p_equivalent": apart, "verdict": word}


def compare_contrasts(
    pair: Pair, attribute: str, name: str, gap: float | None, settings: Settings
) -> tuple[Comparison, list[str]]:
    """This group against the rest, and why a certain change is not a verdict where it is not."""
    found = pair.summary.contrasts[attribute][name]
    adjusted = pair.p_contrast.get(attribute, {}).get(name)
    sign = pair.named.get(attribute, {}).get(name, 0)
    word = judge(sign, pair.column.higher_is_better, claim=adjusted is not None)
    notes = []
    if sign and gap is not None and found.value is not None and abs(found.value) <= gap:
        word = "no claim"
        notes.append(
            f"change from {pair.reference} is within the scorer's own gap on neutral text ({gap:.3f}): no claim"
        )
    elif not sign and pair.certain.get(attribute, {}).get(name, 0):
        named = ", ".join(pair.named.get(attribute, {})) or "no group by itself"
        notes.append(f"change from {pair.reference} follows from that of {named}")
    n, clusters = sum(pair.summary.group_n[attribute].values()), pair.summary.clusters
    odds = pair.summary.log_odds.get(attribute, {}).get(name, Estimate(None))
    bounded = odds.low is not None and odds.high is not None and math.isfinite(odds.low) and math.isfinite(odds.high)
    low, high = (odds.low, odds.high) if bounded else (None, None)  # too few answers to bound the odds
    scale = {"log_odds": odds.value, "log_odds_low": low, "log_odds_high": high, "log_odds_p": odds.p_max}
    claims = _within(pair, (attribute, name), word, settings) | scale | {"p": found.p_max, "p_adjusted": adjusted}
    return _comparison(pair, "contrast", found, n, clusters, **claims), notes
