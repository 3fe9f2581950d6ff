"""What the whole suite costs beside the model: its requests, what is done with 100,000 answers, listing what there is.

Every task of texts in the registry whose data is on this machine counts (`lorafair data list`), sample tasks too; the
others are named as left out. Requests are built by the code that `lorafair eval` runs, once for all checkpoints, in a
process of its own whose peak memory is told. Answers are made up (the same for everybody, by a fixed seed) and go the
whole way: replay, lm-eval's metrics, results and samples on disk, and back from there. What scorers take is measured
and left out (they are models of their own), and so are the leaderboard's statistics, which hang on rows and not on
samples. As many made-up checkpoints answer as it takes to 100,000 samples, at most eight; the time is scaled to
100,000, with the number that was measured beside it. CPU seconds, which hold on a busy machine too, are what the
goals are for; one process, so they are the wall seconds of an idle one.

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
from dataclasses import replace
from pathlib import Path
from typing import Any

LIMITS = {"requests_s": 20.0, "requests_gb": 2.0, "samples_100k_s": 30.0, "listing_cpu_s": 0.3}
LISTINGS = ("tasks list", "data list")
WORDS = ["a", "good", "bad", "doctor", "nurse", "because", "she", "he", "they", "works", "très", "привет", "…", "?"]
SAMPLES, COPIES = 100_000, 8


def find_tasks() -> tuple[list[str], list[str]]:
    """The registry's own tasks whose data sets are on this machine, and those that lack one."""
    from lorafair.data.dataset import locate
    from lorafair.registry import load_registry

    registry = load_registry()
    here: list[str] = []
    absent: list[str] = []
    for task in registry.entries("task"):
        if task.target == "lorafair_tasks.utkface":  # pictures: no model of texts answers them
            continue
        places = [locate(registry.get("dataset", str(name)))[0] for name in task.fields.get("datasets") or ()]
        (absent if {"absent", "hub"} & set(places) else here).append(task.name)
    return here, absent


def time_scorers() -> dict[str, float]:
    """Time every question to a scorer from now on; the totals are under ``wall`` and ``cpu``, in seconds."""
    from lorafair import scoring

    spent, ask = {"wall": 0.0, "cpu": 0.0}, scoring._ask

    def timed(*args: Any, **settings: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return ask(*args, **settings)
        finally:
            spent["wall"] += time.perf_counter() - wall
            spent["cpu"] += time.process_time() - cpu

    scoring._ask = timed  # the one place that every task's and every command's scores come through
    return spent


class Clock:
    """Wall and CPU seconds since it was last read, without those of scorers."""

    def __init__(self, spent: dict[str, float]) -> None:
        self.spent = spent
        self.last = self._now()

    def _now(self) -> tuple[float, float]:
        return time.perf_counter() - self.spent["wall"], time.process_time() - self.spent["cpu"]

    def read(self) -> tuple[float, float]:
        now, last = self._now(), self.last
        self.last = now
        return now[0] - last[0], now[1] - last[1]


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
    from lorafair.collection import collect_rarely
    from lorafair.evaluation import EvaluationPlan
    from lorafair.preparation import Prepared, quiet
    from lorafair.task import load_tasks

    quiet()
    collect_rarely()  # as the command line does
    import lm_eval.evaluator  # noqa: F401  (what Python takes to read it is not the suite's)

    spent = time_scorers()
    with tempfile.TemporaryDirectory() as folder:
        plan = EvaluationPlan(base, (), tuple(tasks), Path(folder), "hf", dtype="float32")
        first, clock = read_base(base, False), Clock(spent)
        prepared = Prepared(plan, first, load_tasks(tasks, {}))
        requests = clock.read()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        identity, draw = {"engine": "hf", "dtype": "float32"}, random.Random(0)
        planned = prepared.requests(first.label, identity)
        keys = clock.read()
        samples, copies, replay = 0, 0, (0.0, 0.0)
        while samples < SAMPLES and copies < COPIES:
            one = replace(first, label=f"copy-{copies}", kind="full", hash=f"{copies:064}") if copies else first
            answers = {each.key: answer(each, draw) for each in prepared.requests(one.label, identity)}
            clock.read()
            path = prepared.replay(one, identity, answers, None)
            replay = tuple(map(sum, zip(replay, clock.read(), strict=True)))
            samples += sum(len(file.read_bytes().splitlines()) for file in path.parent.glob("samples_*.jsonl"))
            copies += 1
        clock.read()
        from lorafair.leaderboard.row import build_rows
        from lorafair.samples import read_audit

        audit = read_audit([folder])
        reading = clock.read()
        rows = len(build_rows(audit).rows)
        last = clock.read()
    wall, cpu = (round((replay[k] + reading[k]) * SAMPLES / max(samples, 1), 1) for k in (0, 1))
    return {
        "tasks": len(prepared.tasks["tasks"]),
        "requests": len(planned),
        "requests_wall_s": round(requests[0], 2),
        "requests_s": round(requests[1], 2),
        "requests_gb": round(peak, 2),
        "keys_s": round(keys[1], 2),
        "samples": samples,
        "checkpoints": copies,
        "replay_s": round(replay[1] + reading[1], 2),
        "rows": rows,
        "rows_s": round(last[1], 2),
        "scoring_s": round(spent["cpu"], 2),
        "samples_100k_wall_s": wall,
        "samples_100k_s": cpu,
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
        f"requests: {found['requests']} in {found['requests_s']} s CPU ({found['requests_wall_s']} s wall), "
        f"peak {found['requests_gb']} GB (goal {LIMITS['requests_s']} s, {LIMITS['requests_gb']} GB); "
        f"keys of one checkpoint {found['keys_s']} s\n"
        f"answers: {found['samples']} samples of {found['checkpoints']} checkpoints in {found['replay_s']} s; 100,000: "
        f"{found['samples_100k_s']} s CPU ({found['samples_100k_wall_s']} s wall; goal {LIMITS['samples_100k_s']} s); "
        f"left out: {found['scoring_s']} s of scorers, {found['rows_s']} s of statistics for {found['rows']} rows",
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
