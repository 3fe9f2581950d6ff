"""How long the statistics, the leaderboard and the report of large audits take.

(This file is not called statistics.py: a script of that name hides Python's own module from the others here.)

    python benchmarks/inference.py bootstrap             # paired bootstrap intervals, against fairlearn's own
    python benchmarks/inference.py rows                  # 1,000,000 rows x 20 groups x 1,000 resamples
    python benchmarks/inference.py audit                 # leaderboard and report: 64 models x 10 tasks x 5,000 samples

Every number is of this machine, printed with its cores; `audit` writes about 2 GB under --folder and leaves it there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from inference_material import write_audit

RATES = ("accuracy", "selection_rate", "tpr", "fpr")
OTHERS = ("f1", "ece", "ece_sweep", "worst_group_accuracy")


def time_call(call: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """(fewest seconds of this process's CPUs over ``times`` calls, what the last one gave).

    CPU seconds, because other work on the machine does not change them; one BLAS thread makes them those of the clock.
    """
    best, found = float("inf"), None
    for _ in range(times):
        start = time.process_time()
        found = call()
        best = min(best, time.process_time() - start)
    return best, found


def draw_labels(rows: int, groups: int, seed: int) -> dict[str, Any]:
    """Labels, group codes, and two models' answers with their probabilities of the positive class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    found: dict[str, Any] = {"y": y, "group": rng.integers(0, groups, rows)}
    for model, right in (("one", 0.8), ("other", 0.75)):
        sure = np.clip(rng.beta(4, 2, rows), 0.5, 0.999)
        answer = np.where(rng.random(rows) < right, y, 1 - y)
        found[model] = {"answer": answer, "prob": np.where(answer == 1, sure, 1 - sure), "confidence": sure}
    return found


@cache
def find_metric(metric: str) -> Any:
    """A metric as the registry tells it, read once as by any command."""
    from lorafair.leaderboard.applicable import select_metrics

    return next(one for one in select_metrics([metric]) if one.name == metric)


def make_column(drawn: dict[str, Any], metric: str, groups: int) -> Any:
    """One metric of both models as the leaderboard arranges it; every document is its own cluster."""
    from lorafair.leaderboard.column import value_documents
    from lorafair.statistics.pair import Column
    from lorafair.statistics.table import Table

    asked = find_metric(metric)
    rows = len(drawn["y"])
    member = drawn["group"][:, None] == np.arange(groups)
    names = {"group": tuple(f"g{k}" for k in range(groups))}
    cluster, y = np.arange(rows), drawn["y"].astype(np.float64)
    tables = {
        model: Table(y, cluster, {"group": member}, names, positive=1, classes=("no", "yes"), **drawn[model])
        for model in ("one", "other")
    }
    values = {model: value_documents(asked, table) for model, table in tables.items()}
    whole = None if hasattr(asked.function, "document_value") else asked.function
    shape = {"cluster": cluster, "groups": {"group": member}, "names": names}
    return Column("t", metric, values, higher_is_better=asked.higher_is_better, function=whole,
                  tables=None if whole is None else tables, **shape)  # fmt: skip


def run_bootstrap(arguments: argparse.Namespace) -> dict[str, Any]:
    """Two models' paired differences with intervals, against fairlearn's bootstrap of the same metrics of both."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score, f1_score

    from lorafair.registry import load_registry, load_target
    from lorafair.statistics.compare import subtract
    from lorafair.statistics.settings import Settings

    drawn = draw_labels(5000, 6, 0)
    settings, rate = Settings(resamples=1000), load_target(load_registry().get("metric", "rate"))

    def ours(metrics: Sequence[str]) -> list[Any]:
        return [subtract(make_column(drawn, one, 6), "one", "other", rate, settings) for one in metrics]

    def calibrate(y_true: Any, y_pred: Any, confidence: Any = None) -> float:
        place = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
        gap = np.bincount(place, weights=(y_true == y_pred) - confidence, minlength=15)
        return float(np.abs(gap).sum() / len(confidence))

    def theirs(metrics: dict[str, Any], params: Any = None) -> list[Any]:
        return [
            MetricFrame(
                metrics=metrics,
                y_true=drawn["y"],
                y_pred=drawn[model]["answer"],
                sensitive_features=drawn["group"],
                sample_params=None if params is None else params(model),
                n_boot=arguments.resamples,
                ci_quantiles=[0.025, 0.975],
                random_state=0,
            )
            for model in ("one", "other")
        ]

    ours(RATES)  # imports
    found: dict[str, Any] = {"resamples of fairlearn": arguments.resamples}
    scale = 1000 / arguments.resamples
    rates = dict(zip(RATES, (accuracy_score, selection_rate, true_positive_rate, false_positive_rate), strict=True))
    for name, metrics, call in (
        ("accuracy, selection rate, TPR, FPR", RATES, lambda: theirs(rates)),
        ("F1", ("f1",), lambda: theirs({"f1": f1_score})),
        ("ECE", ("ece",), lambda: theirs({"ece": calibrate},
         lambda model: {"ece": {"confidence": drawn[model]["confidence"]}})),
    ):  # fmt: skip
        mine = time_call(lambda metrics=metrics: ours(metrics), 5)[0]
        other = time_call(call)[0] * scale
        found[name] = {"ours s": round(mine, 4), "fairlearn s": round(other, 1), "times faster": round(other / mine)}
    return found


def run_rows(arguments: argparse.Namespace) -> dict[str, Any]:
    """A paired difference of a rate over a million rows, and what memory it took beyond the data."""
    from lorafair.registry import load_registry, load_target
    from lorafair.statistics.compare import measure, subtract
    from lorafair.statistics.settings import Settings

    rate = load_target(load_registry().get("metric", "rate"))
    column = make_column(draw_labels(1_000_000, 20, 1), "accuracy", 20)
    settings = Settings(resamples=1000)
    alone, _ = time_call(lambda: measure(column, "one", rate, settings))
    pair, _ = time_call(lambda: subtract(column, "one", "other", rate, settings))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"one model s": round(alone, 2), "paired difference s": round(pair, 2), "peak memory GB": round(peak, 2)}


def run_audit(arguments: argparse.Namespace) -> dict[str, Any]:
    """The commands as a user runs them, each in a process of its own: cold, from the copies, and the report.

    From the columnar copies rows are computed; those that were kept are then counted by themselves.
    """
    root = arguments.folder / f"{arguments.models}x{arguments.tasks}x{arguments.samples}"
    if not root.exists():
        write_audit(root, arguments.models, arguments.tasks, arguments.samples)
    for copy in [*root.rglob("*.parquet"), *root.glob("rows.*.json.gz")]:
        copy.unlink()
    found: dict[str, Any] = {"samples files GB": round(sum(p.stat().st_size for p in root.rglob("*.jsonl")) / 1e9, 2)}
    board = ["leaderboard", str(root), "--format", "json", "--out", str(root.parent / "board.json")]
    page = ["report", str(root), "--out", str(root.parent / "report.html")]
    texts = []
    for name, command, kept in (
        ("leaderboard, cold", board, False),
        ("leaderboard, from the columnar copies", board, False),
        ("leaderboard, rows kept", board, True),
        ("report", page, False),
        ("report, rows kept", page, True),
    ):
        for copy in () if kept else root.glob("rows.*.json.gz"):
            copy.unlink()
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "lorafair", *command], check=True, stdout=subprocess.DEVNULL)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found[name] = {
            "s": round(seconds, 1),
            "CPU s of all its processes": round(cpu, 1),
            "largest peak of one process so far GB": round(after.ru_maxrss / 1e6, 2),
        }
        texts.append((root.parent / "board.json").read_bytes())
        print(name, found[name], file=sys.stderr)
    found["the same numbers cold, from the copies and kept"] = texts[0] == texts[1] == texts[2]
    found["report MB"] = round((root.parent / "report.html").stat().st_size / 1e6, 1)
    return found


def main() -> None:
    """Read the command line, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["bootstrap", "rows", "audit"])
    parser.add_argument("--resamples", type=int, default=1000, help="of fairlearn; with fewer its time is scaled up")
    parser.add_argument("--models", type=int, default=64)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/results/audit"), help="where the audit lies")
    arguments = parser.parse_args()
    found = {"bootstrap": run_bootstrap, "rows": run_rows, "audit": run_audit}[arguments.part](arguments)
    print(json.dumps({"cores": len(os.sched_getaffinity(0)), **found}, indent=2))


if __name__ == "__main__":
    main()
