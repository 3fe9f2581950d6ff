"""How often intervals cover the truth and verdicts are wrong or right, on simulated audits whose truth is known.

Prints three Markdown tables.  Coverage of 95% intervals: pointwise ones of the rate, of the first group's (which has
the extra 0.1, and 40 documents where groups are uneven), of the difference between two groups and of the paired
difference between two models; simultaneous ones (all groups at once) of contrasts; the projected one of max minus min;
the double-corrected between-group variance.  Nulls: how often "worse" or "better" is said where there is nothing to
find, on the level and on fairness.  Planted: how often a difference is found that `power` promised with 0.8.

    python benchmarks/simulation.py --runs 1000 --json FILE
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from lorafair.registry import load_registry, load_target
from lorafair.statistics.compare import claim, measure, subtract
from lorafair.statistics.interval import Estimate, estimate_family, estimate_one
from lorafair.statistics.power import Question, find_clusters, state_effects
from lorafair.statistics.resample import sample
from lorafair.statistics.simulation import Truth, draw_audit
from lorafair.statistics.studentised import studentise
from lorafair.statistics.summary import Settings
from lorafair.statistics.verdict import certain_sign

SIZES = {"even": (200, 200, 200, 200), "uneven": (40, 150, 400, 900)}
COLUMNS = ("rate", "first group", "two groups", "paired", "simultaneous", "projected", "variance")


CLUSTERS = (20, 50, 100, 500, 2000)


def list_truths(wanted: Sequence[int]) -> Iterator[tuple[str, Truth]]:
    """The scenarios of the coverage table: clusters x group sizes x (neither, or a gap and a shift of 0.1)."""
    for clusters in wanted:
        for kind, sizes in SIZES.items():
            for gap, shift in ((0.0, 0.0), (0.1, 0.1)):
                base = [0.2 + gap, *[0.2] * (len(sizes) - 1)]
                rates = {"base": base, "model": [rate + shift for rate in base]}
                yield f"{clusters} clusters, {kind}, gap {gap}, shift {shift}", Truth(clusters, sizes, rates)


def cover(job: tuple[Truth, int, int]) -> list[bool | None]:
    """Whether each of COLUMNS' intervals holds the truth in one simulated audit; None where there is no interval."""
    truth, seed, resamples = job
    rate = load_target(load_registry().get("metric", "rate"))
    settings = Settings(seed=seed, resamples=resamples)
    column = draw_audit(truth, seed)
    alone, pair = measure(column, "base", rate, settings), subtract(column, "model", "base", rate, settings)
    assert alone is not None
    assert pair is not None
    base, model = (np.array(truth.rates[name]) for name in ("base", "model"))
    sizes = np.array(truth.sizes)
    names = column.names["group"]
    rest = [((base * sizes).sum() - base[k] * sizes[k]) / (sizes.sum() - sizes[k]) for k in range(4)]
    table, _ = column.table("base")
    sampled = sample(rate, table, resamples=resamples, seed=seed)
    two = studentise(sampled, "group:group=g0", "group:group=g1")
    contrasts = {n: studentise(sampled, f"group:group={n}", f"rest:group={n}") for n in names}
    together = estimate_family(contrasts, clusters=table.clusters)
    shift = float(((model - base) * sizes).sum() / sizes.sum())
    holds = [_hold(together[name], base[k] - rest[k]) for k, name in enumerate(names)]
    return [
        _hold(alone.overall, float((base * sizes).sum() / sizes.sum())),
        _hold(alone.levels["group"]["g0"], base[0]),
        _hold(estimate_one(two, clusters=table.clusters), base[0] - base[1]),
        _hold(pair.summary.overall, shift),
        None if None in holds else all(holds),
        _hold(alone.gaps["group"], float(base.max() - base.min())),
        _hold(alone.between["group"], float(np.var(base, ddof=1))),
    ]


def _hold(found: Estimate, truth: float) -> bool | None:
    return None if found.low is None or found.high is None else found.low - 1e-12 <= truth <= found.high + 1e-12


def list_nulls() -> Iterator[tuple[str, Truth]]:
    """Pairs of models between which there is nothing to find; the last is a change of level that is fair."""
    even, uneven = SIZES["even"], SIZES["uneven"]
    flat, apart = [0.2] * 4, [0.4, 0.2, 0.2, 0.1]
    odds = [0.5 * rate / (1 - 0.5 * rate) for rate in apart]  # half the odds, exactly where nothing is spread
    for clusters in (30, 100):
        at = f", {clusters} clusters"
        yield f"two training seeds{at}", Truth(clusters, even, {"base": flat, "model": flat}, own_sd=1.0)
        yield f"two sampling seeds, K = 5{at}", Truth(clusters, uneven, {"base": apart, "model": apart}, completions=5)
        yield f"independent models{at}", Truth(clusters, even, {"base": flat, "model": flat}, independent=True)
        yield (
            f"odds halved for all groups{at}",
            Truth(clusters, even, {"base": apart, "model": odds}, cluster_sd=0, document_sd=0),
        )
        yield f"rates 0.2 to 0.1 for all groups{at}", Truth(clusters, even, {"base": flat, "model": [0.1] * 4})


def judge(job: tuple[Truth, int, int]) -> list[bool | None]:
    """(a verdict on the level, a verdict on fairness) of one simulated audit."""
    truth, seed, resamples = job
    rate = load_target(load_registry().get("metric", "rate"))
    settings = Settings(seed=seed, resamples=resamples)
    pair = subtract(draw_audit(truth, seed), "model", "base", rate, settings)
    assert pair is not None
    done = claim([pair], rate, settings)[0]
    level = certain_sign(done.summary.overall, done.p_level, settings.alpha)
    return [level != 0, any(done.named["group"].values())]


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


def run(
    title: str,
    cases: Iterator[tuple[str, Truth]],
    columns: tuple[str, ...],
    work: Callable[[tuple[Truth, int, int]], list[bool | None]],
    settings: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Print a table with a line per case: the share of runs (of those that have an answer) for each column."""
    print(f"\n| {title} | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1), flush=True)
    lines = []
    with ProcessPoolExecutor(settings.jobs) as pool:
        for name, truth in cases:
            jobs = [(truth, seed, settings.resamples) for seed in range(settings.runs)]
            each = np.array(list(pool.map(work, jobs, chunksize=10)), dtype=float)
            shares = [float(np.nanmean(one)) if np.isfinite(one).any() else None for one in each.T]
            lines.append({"case": name, **dict(zip(columns, shares, strict=True))})
            print(f"| {name} | " + " | ".join("n/e" if s is None else f"{s:.3f}" for s in shares) + " |", flush=True)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=["coverage", "verdicts"])
    parser.add_argument("--clusters", type=int, nargs="+", default=CLUSTERS, help="of the coverage table")
    parser.add_argument("--json", type=Path, help="also write the shares to this file")
    settings = parser.parse_args()
    start = time.monotonic()
    found = {}
    if settings.only != "verdicts":
        found["coverage"] = run("coverage of 95% intervals", list_truths(settings.clusters), COLUMNS, cover, settings)
    if settings.only != "coverage":
        found["nulls"] = run("verdicts on nulls", list_nulls(), ("level", "fairness"), judge, settings)
        found["planted"] = run("planted, found", list_planted(), ("level", "fairness"), judge, settings)
    spread = (0.95 * 0.05 / settings.runs) ** 0.5
    print(f"\n{settings.runs} runs a line (standard error {spread:.4f} at .95), {time.monotonic() - start:.0f} s")
    if settings.json:
        settings.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
