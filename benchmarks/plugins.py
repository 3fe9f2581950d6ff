"""What installed plugins cost at start-up: `lorafair plugins list` with and without 200 of them, in turns.

The plugins are metadata only (dist-info folders with a README of 20 kB each, as pip would leave them): listing reads no
more of them.  Medians of the pairs' differences; wall seconds are what a user waits on an idle machine, CPU seconds
hold on a busy one too.  Exit code 1 if a start takes over 0.1 s of CPU longer.

python benchmarks/plugins.py [--plugins 200] [--starts 15]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 0.1  # seconds
COMMANDS = ("--help", "tasks list", "plugins list --kind method")


def make_plugins(folder: Path, number: int) -> None:
    """Metadata of ``number`` distributions, each with one scorer whose module is not there at all."""
    for each in range(number):
        info = folder / f"acme_{each}-1.0.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: acme-{each}\nVersion: 1.0\nSummary: Plugin {each}.\n\n"
        (info / "METADATA").write_text(head + "A line of a README.\n" * 1000, encoding="utf-8")
        points = f"[lorafair.scorers]\nacme_{each} = acme_{each}.missing:score\n"
        (info / "entry_points.txt").write_text(points, encoding="utf-8")


def time_start(arguments: list[str], path: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one run of ``lorafair`` that also searches ``path`` for distributions."""
    lorafair = Path(sys.executable).with_name("lorafair")
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    env = os.environ | {"PYTHONPATH": str(path)}
    subprocess.run([str(lorafair), *arguments], check=True, stdout=subprocess.DEVNULL, env=env)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugins", type=int, default=200)
    parser.add_argument("--starts", type=int, default=15)
    settings = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        none, many = Path(temporary, "none"), Path(temporary, "many")
        none.mkdir()
        many.mkdir()
        make_plugins(many, settings.plugins)
        for command in COMMANDS:
            words = command.split()
            for path in (none, many):
                time_start(words, path)
            pairs = [(time_start(words, none), time_start(words, many)) for _ in range(settings.starts)]
            wall, cpu = (statistics.median(b[k] - a[k] for a, b in pairs) for k in (0, 1))
            before = statistics.median(a[0] for a, _ in pairs)
            worst = max(worst, cpu)
            print(
                f"lorafair {command:28} {before:.3f} s without; {settings.plugins} plugins add "
                f"{wall:.3f} s wall, {cpu:.3f} s CPU",
                flush=True,
            )
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
