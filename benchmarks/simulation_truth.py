"""The simulated audits of `simulation.py`: what is true in each line of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lorafair.statistics.power import Question, find_clusters, state_effects
from lorafair.statistics.simulation import Truth

SIZES = {"even": (200, 200, 200, 200), "uneven": (40, 150, 400, 900)}
MANY = {"even": (500, 500, 500, 500), "uneven": (40, 160, 900, 900)}  # where there are more clusters than that fills
CLUSTERS = (20, 50, 100, 500, 2000)


def list_truths(wanted: Sequence[int]) -> Iterator[tuple[str, Truth]]:
    """The scenarios of the coverage table: clusters x group sizes x (neither, or a gap and a shift of 0.1)."""
    for clusters in wanted:
        for kind, sizes in (SIZES if clusters <= 100 else MANY).items():
            for gap, shift in ((0.0, 0.0), (0.1, 0.1)):
                base = [0.2 + gap, *[0.2] * (len(sizes) - 1)]
                rates = {"base": base, "model": [rate + shift for rate in base]}
                yield f"{clusters} clusters, {kind}, gap {gap}, shift {shift}", Truth(clusters, sizes, rates)


def list_fair(clusters: Sequence[int]) -> Iterator[tuple[str, Truth]]:
    """Changes of level that are fair: rates fall for all groups alike, in odds or as they are.

    ``Nothing is spread`` between documents here, so that half the odds are exactly half the odds in every group.
    """
    apart, many, rare = [0.4, 0.2, 0.2, 0.1], [0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05], [0.4, 0.4, 0.4, 0.02]
    for number in clusters:
        at = f", {number} clusters"
        yield f"odds halved, rates .4 to .1{at}", _halve(number, SIZES["even"], apart)
        yield f"odds halved, rates .4 to .1, 500 a group{at}", _halve(number, (500,) * 4, apart)
        yield f"odds halved, 8 rates from .6 to .05, 500 a group{at}", _halve(number, (500,) * 8, many)
        yield f"odds halved, one group at .02{at}", _halve(number, SIZES["even"], rare)
        flat = {"base": [0.2] * 4, "model": [0.1] * 4}
        yield f"rates .2 to .1 for all groups{at}", Truth(number, SIZES["even"], flat)


def _halve(clusters: int, sizes: tuple[int, ...], rates: list[float]) -> Truth:
    odds = [0.5 * rate / (1 - 0.5 * rate) for rate in rates]
    return Truth(clusters, sizes, {"base": rates, "model": odds}, cluster_sd=0, document_sd=0)


def list_nulls(clusters: Sequence[int]) -> Iterator[tuple[str, Truth]]:
    """Pairs of models between which there is nothing to find."""
    even, uneven = SIZES["even"], SIZES["uneven"]
    flat, apart = [0.2] * 4, [0.4, 0.2, 0.2, 0.1]
    for number in clusters:
        at = f", {number} clusters"
        yield f"two training seeds{at}", Truth(number, even, {"base": flat, "model": flat}, own_sd=1.0)
        yield f"two sampling seeds, K = 5{at}", Truth(number, uneven, {"base": apart, "model": apart}, completions=5)
        yield f"independent models{at}", Truth(number, even, {"base": flat, "model": flat}, independent=True)


def list_families() -> Iterator[tuple[str, Truth]]:
    """Six checkpoints of one base, all in one family: none differs from it, or all have half its odds."""
    rates = [0.4, 0.2, 0.2, 0.1]
    for name, one in (
        ("six training seeds, 30 clusters", Truth(30, SIZES["even"], {"base": rates, "m": rates}, own_sd=1.0)),
        ("odds halved in six checkpoints, 30 clusters", _halve(30, SIZES["even"], rates)),
    ):
        base, model = one.rates.values()
        yield name, replace(one, rates={"base": base, **{f"m{k}": model for k in range(6)}})


def list_planted() -> Iterator[tuple[str, Truth]]:
    """Differences with as many clusters (of four documents) as `power` asks for a power of 0.8."""
    for groups, difference in ((1, 0.05), (1, 0.1), (4, 0.2), (4, 0.3)):
        stated = state_effects(0.2, difference, documents=4, groups=groups)
        clusters = find_clusters(Question(*stated, groups=groups), 0.8) or 0
        after = [0.2 + difference, *[0.2 if groups > 1 else 0.2 + difference] * 3]
        rates = {"base": [0.2] * 4, "model": after}
        where = "all groups" if groups == 1 else "one of four groups"
        yield (
            f"{difference:+g} for {where}, {clusters} clusters",
            Truth(clusters, (clusters,) * 4, rates, cluster_sd=0, document_sd=0),
        )
    few = {"base": [0.02] * 8, "model": [0.02] * 3 + [0.8] + [0.02] * 4}
    yield "+0.78 for one of eight groups, others at .02, 55 clusters", Truth(55, (55,) * 8, few)
