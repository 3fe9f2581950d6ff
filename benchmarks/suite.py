"""What the whole suite costs beside the model: its requests, what is done with 100,000 answers, listing what there is.

Every task of the registry whose data is on this machine counts (`lorafair data list`), sample tasks too; the others are
named as left out.  Requests are built by the code that `lorafair eval` runs, once for all checkpoints, in a process of
its own whose peak memory is told.  Answers are made up (the same for everybody, by a fixed seed) and go the whole way:
replay, lm-eval's metrics, results and samples on disk, rows of the leaderboard; what scorers take is measured and left
out, they are models of their own.  The time is scaled to 100,000 samples, with the number that was measured beside it.

python benchmarks/suite.py [--base models/smollm2-135m] [--task NAME …] [--json FILE]

Exit code 1 above 20 s or 2 GB (requests), 30 s (100,000 samples), 0.3 s of CPU (listing).
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIMITS = {"requests_s": 20.0, "requests_gb": 2.0, "samples_100k_s": 30.0, "listing_cpu_s": 0.3}
LISTINGS = ("tasks list", "data list")
WORDS = (
    "a",
    "good",
    "bad",
    "doctor",
    "nurse",
    "because",
    "she",
    "he",
    "they",
    "works",
    "und",
    "très",
    "привет",
    "…",
    "",
)
SAMPLES = 100_000


def find_tasks() -> tuple[list[str], list[str]]:
    """The registry's own tasks whose data sets are on this machine, and those that lack one."""
    from lorafair.data.dataset import locate
    from lorafair.registry import load_registry

    registry = load_registry()
    here: list[str] = []
    absent: list[str] = []
    for task in registry.entries("task"):
        places = [locate(registry.get("dataset", str(name)))[0] for name in task.fields.get("datasets") or ()]
        (absent if {"absent", "hub"} & set(places) else here).append(task.name)
    return here, absent


def time_scorers() -> dict[str, float]:
    """Time every question to a scorer from now on; the total is under ``seconds``."""
    from lorafair import scoring

    spent, ask = {"seconds": 0.0}, scoring._ask

    def timed(*args: Any, **settings: Any) -> Any:
        start = time.perf_counter()
        try:
            return ask(*args, **settings)
        finally:
            spent["seconds"] += time.perf_counter() - start

    scoring._ask = timed  # the one place that every task's and every command's scores come through
    return spent


def answer(request: Any, draw: random.Random) -> Any:
    """A made-up answer of the form that an engine gives to such a request."""
    if request.kind == "loglikelihood":
        return [-20 * draw.random(), False]
    if request.kind == "loglikelihood_rolling":
        return -100 * draw.random()
    words = [draw.choice(WORDS) for _ in range(12)]
    return words[: request.arguments[1]["k"]] if request.kind == "next_words" else " ".join(words)


def measure(base: str, tasks: list[str]) -> dict[str, Any]:
    """Seconds and peak GB of building the requests of the tasks, then of what follows the answers; in this process."""
    os.environ["TQDM_DISABLE"] = "1"
    from lorafair.checkpoint import read_base
    from lorafair.evaluation import EvaluationPlan
    from lorafair.preparation import Prepared, quiet
    from lorafair.task import load_tasks

    quiet()
    import lm_eval.evaluator  # noqa: F401  (what Python takes to read it is not the suite's)

    spent = time_scorers()
    with tempfile.TemporaryDirectory() as folder:
        plan = EvaluationPlan(base, (), tuple(tasks), Path(folder), "hf", dtype="float32")
        start, first = time.perf_counter(), read_base(base, False)
        hashed = time.perf_counter() - start
        start = time.perf_counter()
        loaded = load_tasks(tasks, {})
        prepared = Prepared(plan, first, loaded)
        requests_s = time.perf_counter() - start - spent["seconds"]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        identity = {"engine": "hf", "dtype": "float32"}
        start = time.perf_counter()
        planned = prepared.requests("base", identity)
        keys_s = time.perf_counter() - start
        draw = random.Random(0)
        answers = {request.key: answer(request, draw) for request in planned}
        before, start = spent["seconds"], time.perf_counter()
        path = prepared.replay(first, identity, answers, None)
        replay_s = time.perf_counter() - start - (spent["seconds"] - before)
        samples = sum(len(file.read_bytes().splitlines()) for file in path.parent.glob("samples_*.jsonl"))
        start = time.perf_counter()
        from lorafair.leaderboard.row import build_rows
        from lorafair.samples import read_audit

        rows = len(build_rows(read_audit([folder])).rows)
        rows_s = time.perf_counter() - start
    return {
        "tasks": len(loaded["tasks"]),
        "requests": len(planned),
        "requests_s": round(requests_s, 2),
        "requests_gb": round(peak, 2),
        "keys_s": round(keys_s, 2),
        "base_hash_s": round(hashed, 2),
        "samples": samples,
        "replay_s": round(replay_s, 2),
        "rows": rows,
        "rows_s": round(rows_s, 2),
        "scoring_s": round(spent["seconds"], 2),
        "samples_100k_s": round((replay_s + rows_s) * SAMPLES / max(samples, 1), 1),
    }


def time_listing(command: str, starts: int) -> tuple[float, float]:
    """Median wall and CPU seconds of ``lorafair`` with these words, after one start to warm up."""
    lorafair, times = Path(sys.executable).with_name("lorafair"), []
    for _ in range(starts + 1):
        start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(lorafair), *command.split()], check=True, stdout=subprocess.DEVNULL)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append((time.perf_counter() - start, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime))
    wall, cpu = (statistics.median(column) for column in zip(*times[1:], strict=True))
    return wall, cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--base", default="models/smollm2-135m", help="whose tokenizer and name are used; asked nothing"
    )
    parser.add_argument("--task", action="append", default=[], help="only these tasks; repeatable")
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    settings = parser.parse_args()
    here, absent = find_tasks()
    tasks = settings.task or here
    if settings.child:
        print(json.dumps(measure(settings.base, tasks)))
        return 0
    print(f"{len(tasks)} tasks: {', '.join(tasks)}", flush=True)
    if absent and not settings.task:
        print(f"left out, their data is not here: {', '.join(absent)}", flush=True)
    words = [sys.executable, __file__, "--child", "--base", settings.base]
    done = subprocess.run([*words, *(f"--task={name}" for name in tasks)], stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode:
        return done.returncode
    found = json.loads(done.stdout.splitlines()[-1]) | {"left_out": absent}
    print(
        f"requests: {found['requests']} in {found['requests_s']} s, peak {found['requests_gb']} GB "
        f"(goal {LIMITS['requests_s']} s, {LIMITS['requests_gb']} GB); keys of one checkpoint {found['keys_s']} s\n"
        f"answers: {found['samples']} samples in {found['replay_s']} s, {found['rows']} rows in {found['rows_s']} s, "
        f"{found['scoring_s']} s of scorers left out; 100,000 samples: {found['samples_100k_s']} s "
        f"(goal {LIMITS['samples_100k_s']} s)",
        flush=True,
    )
    for command in LISTINGS:
        wall, cpu = time_listing(command, settings.starts)
        found[f"{command} wall_s"], found[f"{command} cpu_s"] = round(wall, 3), round(cpu, 3)
        print(f"lorafair {command}: {wall:.3f} s wall, {cpu:.3f} s CPU (goal {LIMITS['listing_cpu_s']} s)", flush=True)
    found["listing_cpu_s"] = max(found[f"{command} cpu_s"] for command in LISTINGS)
    if settings.json:
        settings.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(found[key] > limit for key, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
