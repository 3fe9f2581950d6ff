"""How often intervals cover the truth and verdicts are wrong or right, on simulated audits whose truth is known.

Prints Markdown tables, or writes them into a document, each between its two comments (`--docs docs/statistics.md`).
Coverage of 95% intervals: pointwise ones of the rate, of the first group's (which has the extra 0.1, and 40 documents
where groups are uneven), of the difference between two groups and of the paired difference between two models;
simultaneous ones (all groups at once) of contrasts; the projected one of max minus min; the double-corrected
between-group variance.  Fair, nulls, families: how often "worse" or "better" is said where there is nothing to find, on
the level (which does change in the fair ones) and on fairness.  Planted: how often a difference is found that `power`
promised with 0.8.

    python benchmarks/simulation.py --runs 1000 --docs docs/statistics.md
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from simulation_truth import CLUSTERS, list_fair, list_families, list_nulls, list_planted, list_truths

from lorafair.registry import load_registry, load_target
from lorafair.statistics.compare import claim, measure, subtract
from lorafair.statistics.interval import Estimate, estimate_family, estimate_one
from lorafair.statistics.resample import sample
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import Truth, draw_audit
from lorafair.statistics.studentised import studentise
from lorafair.statistics.verdict import certain_sign

COLUMNS = ("rate", "first group", "two groups", "paired", "simultaneous", "projected", "variance")
DRAWS = 4  # seeds of the resamples, which audits take in turn: drawing weights afresh for each is most of the time
Job = tuple[Truth, int, int]


@cache
def _load_rate() -> Any:
    return load_target(load_registry().get("metric", "rate"))


def cover(job: Job) -> list[bool | None]:
    """Whether each of COLUMNS' intervals holds the truth in one simulated audit; None where there is no interval."""
    truth, seed, resamples = job
    rate, settings = _load_rate(), Settings(seed=seed % DRAWS, resamples=resamples)
    column = draw_audit(truth, seed)
    alone, pair = measure(column, "base", rate, settings), subtract(column, "model", "base", rate, settings)
    assert alone is not None
    assert pair is not None
    base, model = (np.array(truth.rates[name]) for name in ("base", "model"))
    sizes = np.array(truth.sizes)
    names = column.names["group"]
    rest = [((base * sizes).sum() - base[k] * sizes[k]) / (sizes.sum() - sizes[k]) for k in range(4)]
    table, _ = column.table("base")
    sampled = sample(rate, table, resamples=resamples, seed=settings.seed)
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


def judge(job: Job) -> list[bool | None]:
    """(any verdict on a level, any verdict on fairness) over all models of one simulated audit, one family."""
    truth, seed, resamples = job
    rate, settings = _load_rate(), Settings(seed=seed % DRAWS, resamples=resamples)
    column = draw_audit(truth, seed)
    pairs = [subtract(column, name, "base", rate, settings) for name in truth.rates if name != "base"]
    done = claim([pair for pair in pairs if pair is not None], rate, settings)
    levels = [certain_sign(one.summary.overall, one.p_level, settings.alpha) != 0 for one in done]
    return [any(levels), any(any(one.named["group"].values()) for one in done)]


def spot(job: Job) -> list[bool | None]:
    """(the level found to rise, exactly the planted group found) in one simulated audit."""
    truth, seed, resamples = job
    rate, settings = _load_rate(), Settings(seed=seed % DRAWS, resamples=resamples)
    pair = subtract(draw_audit(truth, seed), "model", "base", rate, settings)
    assert pair is not None
    done = claim([pair], rate, settings)[0]
    base, model = (np.array(truth.rates[name]) for name in ("base", "model"))
    moved = {f"g{k}" for k in np.flatnonzero(model > base)}
    level = certain_sign(done.summary.overall, done.p_level, settings.alpha) == 1
    return [level, None if len(moved) == len(base) else done.named["group"] == dict.fromkeys(moved, 1)]


def run(
    title: str,
    cases: Iterable[tuple[str, Truth]],
    columns: tuple[str, ...],
    work: Callable[[Job], list[bool | None]],
    settings: argparse.Namespace,
) -> Iterator[str]:
    """The lines of a table, one per case: the share of runs (of those that have an answer) for each column."""
    yield f"| {title} | " + " | ".join(columns) + " |"
    yield "|" + "---|" * (len(columns) + 1)
    with ProcessPoolExecutor(settings.jobs) as pool:
        for name, truth in cases:
            jobs = [(truth, seed, settings.resamples) for seed in range(settings.runs)]
            each = np.array(list(pool.map(work, jobs, chunksize=10)), dtype=float)
            shares = [float(np.nanmean(one)) if np.isfinite(one).any() else None for one in each.T]
            yield f"| {name} | " + " | ".join("n/e" if s is None else f"{s:.3f}" for s in shares) + " |"


def write(path: Path, name: str, lines: list[str]) -> None:
    """Put lines between ``<!-- simulation NAME -->`` and the next ``<!-- end -->`` of a document."""
    text = path.read_text(encoding="utf-8")
    before, mark, after = text.partition(f"<!-- simulation {name} -->\n")
    if not mark or "<!-- end -->" not in after:
        sys.exit(f"{path} has no place for the table {name}: write <!-- simulation {name} --> and <!-- end -->.")
    rest = after[after.index("<!-- end -->") :]
    path.write_text(before + mark + "\n".join(lines) + "\n" + rest, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="simulated audits a line")
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--jobs", type=int, default=2)
    tables = ("coverage", "fair", "nulls", "families", "planted")
    parser.add_argument("--only", nargs="+", choices=tables, default=tables)
    parser.add_argument("--clusters", type=int, nargs="+", help="of the coverage table, of fair and of nulls")
    parser.add_argument("--docs", type=Path, help="write the tables into this document, not to the terminal only")
    parser.add_argument("--place", help="which place of the document, where it is not the table's name")
    settings = parser.parse_args()
    few = settings.clusters or (30, 100)
    judged = ("level", "fairness")
    made = {
        "coverage": ("coverage of 95% intervals", list_truths(settings.clusters or CLUSTERS), COLUMNS, cover),
        "fair": ("verdicts on fair changes of level", list_fair(few), judged, judge),
        "nulls": ("verdicts on nulls", list_nulls(few), judged, judge),
        "families": ("any verdict in a family", list_families(), judged, judge),
        "planted": ("planted, found", list_planted(), judged, spot),
    }
    for name in settings.only:
        start, lines = time.monotonic(), []
        for line in run(*made[name], settings):
            print(line, flush=True)
            lines.append(line)
        spread = (0.95 * 0.05 / settings.runs) ** 0.5
        asked = f" --clusters {' '.join(map(str, settings.clusters))}" if settings.clusters else ""
        command = f"--only {name}{asked} --runs {settings.runs} --resamples {settings.resamples}"
        said = f"`{command}`: {settings.runs} audits a line, standard error {spread:.4f} at .95 and at .05."
        print(f"\n{said} {time.monotonic() - start:.0f} s\n", flush=True)
        if settings.docs:
            write(settings.docs, settings.place or name, [*lines, "", said])
    return 0


if __name__ == "__main__":
    sys.exit(main())
