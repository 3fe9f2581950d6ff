"""Time how long the command line takes to answer: median wall seconds of 7 starts each, after one to warm up.

python benchmarks/startup.py [--starts 7] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 0.3  # seconds
COMMANDS = ("--help", "train --help", "eval --help", "leaderboard --help", "tasks list", "plugins list")


def time_start(lorafair: Path, arguments: list[str]) -> float:
    """Wall seconds of one run of ``lorafair`` with these arguments; raises CalledProcessError if it fails."""
    start = time.perf_counter()
    subprocess.run([str(lorafair), *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the medians to this file")
    settings = parser.parse_args()
    lorafair = Path(sys.executable).with_name("lorafair")
    medians = {}
    for command in COMMANDS:
        time_start(lorafair, command.split())
        medians[command] = statistics.median(time_start(lorafair, command.split()) for _ in range(settings.starts))
        verdict = "" if medians[command] < LIMIT else f"  (over {LIMIT} s)"
        print(f"lorafair {command:20} {medians[command]:.3f} s{verdict}", flush=True)
    if settings.json:
        settings.json.write_text(json.dumps(medians, indent=2) + "\n", encoding="utf-8")
    return int(any(seconds >= LIMIT for seconds in medians.values()))


if __name__ == "__main__":
    sys.exit(main())
