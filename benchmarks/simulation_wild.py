"""Bootstrap-t against wild-cluster intervals where clusters are few: how often they cover, and how wide they are.

Both are made of the same influences of clusters.  Wild (Cameron, Gelbach and Miller 2008): a resample multiplies each
cluster's centred influence by a random weight, +1 or -1, or below 12 clusters one of Webb's (2023) six, and studentises
the sum; the interval is symmetric, `theta +- q se`.  "Restricted" imposes the value that is tested on the influences
and inverts the test.  Widths are relative to `theta +- t(C-1) se`.

    python benchmarks/simulation_wild.py --runs 1000 --docs docs/statistics.md
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.stats import t as student
from simulation import _load_rate, write
from simulation_truth import SIZES

from lorafair.statistics.log_odds import take_log_odds
from lorafair.statistics.resample import sample
from lorafair.statistics.simulation import Truth, draw_audit
from lorafair.statistics.studentised import Studentised, combine, studentise
from lorafair.statistics.table import Floats

CELLS = ("rate", "first group", "two groups", "paired", "simultaneous")
WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])
ALPHA = 0.05


@lru_cache(maxsize=8)
def _draw(clusters: int, resamples: int, seed: int) -> Floats:
    values = WEBB if clusters < 12 else np.array([-1.0, 1.0])
    return np.random.default_rng([seed, clusters, 2]).choice(values, size=(resamples, clusters))


def shake(influence: Floats, draws: Floats) -> Floats:
    """(B,) wild ``t*`` of the mean influence."""
    n = len(influence)
    z = influence - influence.mean()
    total, squares = draws @ z, (draws * draws) @ (z * z)
    error = np.sqrt(np.maximum(squares - total**2 / n, 1e-300) / (n * (n - 1)))
    return np.asarray(total / n / error)


def test_restricted(one: Studentised, truth: float, draws: Floats) -> float:
    """p of ``theta = truth``, with it imposed on the influences."""
    n = len(one.influence)
    z = one.influence - one.influence.mean() + (one.value - truth)
    total, squares = draws @ z, (draws * draws) @ (z * z)
    error = np.sqrt(np.maximum(squares - total**2 / n, 1e-300) / (n * (n - 1)))
    return float((1 + np.sum(np.abs(total / n / error) >= abs(one.value - truth) / one.se - 1e-12)) / (len(draws) + 1))


def compare(job: tuple[Truth, int, int]) -> list[list[float]]:
    """For each of CELLS: covered by bootstrap-t, wild, restricted wild; relative width of the first two."""
    truth, seed, resamples = job
    column, rate = draw_audit(truth, seed), _load_rate()
    sampled = {m: sample(rate, column.table(m)[0], resamples=resamples, seed=seed % 4) for m in ("base", "model")}
    base, model = (np.array(truth.rates[name]) for name in ("base", "model"))
    sizes, one = np.array(truth.sizes), sampled["base"]
    rest = [((base * sizes).sum() - base[k] * sizes[k]) / (sizes.sum() - sizes[k]) for k in range(4)]

    def odds(key: str, value: float, n: int) -> tuple[Studentised, float]:
        share = (n * value + 0.5) / (n + 1)
        return combine([take_log_odds(one, key, n)], one.draw), float(np.log(share / (1 - share)))

    shift = float(((model - base) * sizes).sum() / sizes.sum())
    whole = float((base * sizes).sum() / sizes.sum())
    families = [
        [odds("overall", whole, int(sizes.sum()))],
        [odds("group:group=g0", base[0], int(sizes[0]))],
        [(studentise(one, "group:group=g0", "group:group=g1"), base[0] - base[1])],
        [(studentise(sampled["model"].minus(one), "overall"), shift)],
        [(studentise(one, f"group:group=g{k}", f"rest:group=g{k}"), base[k] - rest[k]) for k in range(4)],
    ]
    return [_compare(family, resamples, seed) for family in families]


def _compare(family: list[tuple[Studentised, float]], resamples: int, seed: int) -> list[float]:
    clusters = len(family[0][0].influence)
    if not all(one.usable for one, _ in family):
        return [np.nan] * 5
    draws = _draw(clusters, resamples, seed % 4)
    level = int(np.ceil((1 - ALPHA) * (resamples + 1))) - 1
    off = max(abs(one.value - truth) / one.se for one, truth in family)
    found = []
    for ways in ([one.t for one, _ in family], [shake(one.influence, draws) for one, _ in family]):
        found.append(float(np.sort(np.abs(np.column_stack(ways)).max(axis=1))[level]))
    restricted = test_restricted(*family[0], draws) > ALPHA if len(family) == 1 else np.nan
    plain = float(student.ppf(1 - ALPHA / 2, clusters - 1))
    return [off <= found[0], off <= found[1], float(restricted), found[0] / plain, found[1] / plain]


def run(settings: argparse.Namespace) -> Iterator[str]:
    """The lines of the table."""
    columns = ("bootstrap-t", "wild", "restricted", "width of bootstrap-t", "width of wild")
    yield "| coverage of 95% intervals | " + " | ".join(columns) + " |"
    yield "|" + "---|" * (len(columns) + 1)
    with ProcessPoolExecutor(settings.jobs) as pool:
        for clusters in settings.clusters:
            for kind, sizes in SIZES.items():
                base = [0.3, 0.2, 0.2, 0.2]
                truth = Truth(clusters, sizes, {"base": base, "model": [rate + 0.1 for rate in base]})
                jobs = [(truth, seed, settings.resamples) for seed in range(settings.runs)]
                found = np.array(list(pool.map(compare, jobs, chunksize=10)), dtype=float)
                for cell, values in zip(CELLS, np.nanmean(found, axis=0), strict=True):
                    told = " | ".join("n/e" if np.isnan(v) else f"{v:.3f}" for v in values)
                    yield f"| {clusters} clusters, {kind}, {cell} | {told} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=399)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--clusters", type=int, nargs="+", default=(10, 20, 30))
    parser.add_argument("--docs", type=Path)
    settings = parser.parse_args()
    lines = []
    for line in run(settings):
        print(line, flush=True)
        lines.append(line)
    if settings.docs:
        said = f"`--runs {settings.runs} --resamples {settings.resamples}`: standard error at .95"
        write(settings.docs, "wild", [*lines, "", f"{said} {(0.95 * 0.05 / settings.runs) ** 0.5:.4f}."])
    return 0


if __name__ == "__main__":
    sys.exit(main())
