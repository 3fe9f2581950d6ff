"""Asking until decided against asking everything, on simulated audits with planted bias: generations, words, errors.

Six checkpoints of one base answer documents of four groups, one of each in every cluster.  Two are planted: one group's
rate rises by 0.5.  The others answer at the base's rates, independently of it.  Every document is a generation; the
margin is 0.3.  "Wrong": a group named that was not planted, a planted change called equivalent, or a null named.

    python benchmarks/stopping.py --runs 200 --docs docs/statistics.md
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from simulation import _load_rate, write

from lorafair.responses.request import Request
from lorafair.serving.stopping import Rounds, Until
from lorafair.statistics.compare import claim, subtract
from lorafair.statistics.pair import Column
from lorafair.statistics.settings import Settings

GROUPS, PLANTED, NULL = 4, ("p0", "p1"), ("n0", "n1", "n2", "n3")
RATE, EFFECT, MARGIN = 0.2, 0.5, 0.3


def simulate(seed: int, clusters: int) -> dict[str, float]:
    """Shares and counts of one audit."""
    rng = np.random.default_rng([seed, clusters])
    n = clusters * GROUPS
    cluster, group = np.repeat(np.arange(clusters), GROUPS), np.tile(np.arange(GROUPS), clusters)
    labels = ["base", *PLANTED, *NULL]
    rates = {label: np.where((group == 0) & (label in PLANTED), RATE + EFFECT, RATE) for label in labels}
    values = {label: rng.binomial(1, rate).astype(float) for label, rate in rates.items()}
    documents = {i: {"cluster": int(cluster[i]), "groups": {"g": [f"g{group[i]}"]}} for i in range(n)}
    requests = [Request(f"{label}{i}", label, "generate_until", (), "task", i) for label in labels for i in range(n)]

    def score(label: str, portion: dict[str, list[int]]) -> dict[str, Any]:
        return {task: {i: {"rate": values[label][i]} for i in few} for task, few in portion.items()}

    rounds = Rounds(Until("rate", MARGIN, seed), "base", labels[1:], {"task": documents}, requests, {"task": False})
    asked = rounds.run(len, score, {})
    early = {label: rounds.tell(label)[1].tasks["task"] for label in labels[1:]}
    member = group[:, None] == np.arange(GROUPS)
    column = Column("task", "rate", values, cluster, {"g": member}, {"g": tuple(f"g{k}" for k in range(GROUPS))}, False)
    settings = Settings(resamples=999, margin=MARGIN)
    pairs = [subtract(column, label, "base", _load_rate(), settings) for label in labels[1:]]
    full = {one.label: one.named["g"] for one in claim([p for p in pairs if p is not None], _load_rate(), settings)}
    named = {label: {c.group: c.sign for c in one.contrasts if c.sign} for label, one in early.items()}
    truth = {label: {"g0": 1} if label in PLANTED else {} for label in labels[1:]}
    equal = {label: all(c.word == "equivalent" for c in one.contrasts) for label, one in early.items()}
    wrong = [bool(set(named[x].items()) - set(truth[x].items())) or (x in PLANTED and equal[x]) for x in truth]
    return {
        "times fewer": len(requests) / asked,
        "decided": float(np.mean([one.decided for one in early.values()])),
        "planted found": float(np.mean([named[x] == truth[x] for x in PLANTED])),
        "planted found by the full run": float(np.mean([full[x] == truth[x] for x in PLANTED])),
        "as the full run": float(np.mean([named[x] == full[x] for x in truth])),
        "any wrong": float(any(wrong)),
        "any wrong in the full run": float(any(set(full[x].items()) - set(truth[x].items()) for x in truth)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--clusters", type=int, nargs="+", default=(400, 1000))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--docs", type=Path)
    settings = parser.parse_args()
    lines: list[str] = []
    for clusters in settings.clusters:
        with ProcessPoolExecutor(settings.jobs) as pool:
            found = list(pool.map(partial(simulate, clusters=clusters), range(settings.runs)))
        if not lines:
            lines += ["| planted bias | " + " | ".join(found[0]) + " |", "|" + "---|" * (len(found[0]) + 1)]
        means = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
        lines.append(f"| {clusters} clusters | " + " | ".join(f"{value:.3f}" for value in means.values()) + " |")
    print("\n".join(lines))
    if settings.docs:
        write(settings.docs, "stopping", [*lines, "", f"`--runs {settings.runs}` audits a line."])
    return 0


if __name__ == "__main__":
    sys.exit(main())
