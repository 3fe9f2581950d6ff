"""Time how long the command line takes to answer: medians of 7 starts each, after one to warm up.

Wall seconds are what a user waits on an idle machine; CPU seconds hold on a busy one too.

python benchmarks/startup.py [--starts 7] [--json FILE]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 0.3  # seconds
COMMANDS = ("--help", "train --help", "eval --help", "leaderboard --help", "tasks list", "data list", "plugins list")


def time_start(lorafair: Path, arguments: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one run of ``lorafair`` with these arguments; raises CalledProcessError if it fails."""
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(lorafair), *arguments], check=True, stdout=subprocess.DEVNULL)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the medians to this file")
    settings = parser.parse_args()
    lorafair = Path(sys.executable).with_name("lorafair")
    medians = {}
    for command in COMMANDS:
        time_start(lorafair, command.split())
        times = [time_start(lorafair, command.split()) for _ in range(settings.starts)]
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        medians[command] = {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}
        verdict = "" if wall < LIMIT else f"  (over {LIMIT} s)"
        print(f"lorafair {command:20} {wall:.3f} s wall, {cpu:.3f} s CPU{verdict}", flush=True)
    if settings.json:
        settings.json.write_text(json.dumps(medians, indent=2) + "\n", encoding="utf-8")
    return int(any(median["wall_s"] >= LIMIT for median in medians.values()))


if __name__ == "__main__":
    sys.exit(main())
