"""The serving table on a CUDA machine, for one or several bases (Llama-family, OPT), and mixed batches against none.

    python benchmarks/gpu.py --base meta-llama/Llama-3.2-1B --base facebook/opt-1.3b --out gpu.json

Everything of serving.py, with vLLM as it comes on a GPU (engine in a process of its own, CUDA graphs) and ratios near
1 in seconds instead of CPU-seconds; and `schedule`: the same requests to the base and all adapters in one engine, as
mixed batches and one checkpoint after another (LORAFAIR_SCHEDULE=mixed or sequential).  See gpu.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from serving import SECTIONS, add_options, make_setup, run_sections, write_json
from serving_figure import Row, Section, describe_ratios, find_interval, write_table
from serving_material import Setup, make_adapters
from serving_pair import EngineProcess, Engines, Side, measure_pairs

SCHEDULES = ("mixed", "sequential")


def compare_schedules(setup: Setup, engines: Engines) -> Section:
    """Mixed batches of all checkpoints against one checkpoint after another, every request of the workload to each."""
    make_adapters(setup, setup.adapters)
    adapters = [setup.adapter(number) for number in range(1, setup.adapters + 1)]
    facts = {"labels": ["base", *(path.name for path in adapters)], "kinds": ["loglikelihood", "generate_until"]}
    engines.close()  # two engines share the GPU, not four
    running = {
        name: EngineProcess(setup, setup.base, adapters, environment={"LORAFAIR_SCHEDULE": name}) for name in SCHEDULES
    }
    try:
        sides: dict[str, Side] = {name: (process, "ask", facts) for name, process in running.items()}
        ratios, found = measure_pairs(setup, sides)
    finally:
        for process in running.values():
            process.close()
    rates = {name: statistics.median(one["answers"] / one["seconds"] for one in each) for name, each in found.items()}
    measured = f"{describe_ratios(ratios, setup.clock)}; " + ", ".join(
        f"{n} {r:.0f} requests/s" for n, r in rates.items()
    )
    measure = f"mixed batches against one checkpoint after another, base + {setup.adapters} adapters, one engine"
    row = Row(measure, measured, "the faster one is the default", None)
    return Section([row], {"ratios": ratios, "interval": find_interval(ratios), **found})


def main() -> None:
    """Measure every base and print a table for each."""
    sections = SECTIONS | {"schedule": compare_schedules}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", action="append", required=True, help="base model, a folder or a Hub id; repeatable")
    add_options(parser, list(sections))
    given = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        sys.exit("gpu.py measures on a CUDA device and torch finds none here. For a CPU: python benchmarks/serving.py")
    device, content = torch.cuda.get_device_name(), dict[str, Any]()
    tables = []
    for base in given.base:
        name = Path(base).name if Path(base).is_dir() else base

        def keep(numbers: dict[str, Any], rows: list[Row], name: str = name) -> None:
            content[name] = {"gpu": device, **numbers, "rows": [asdict(row) for row in rows]}
            write_json(given.out, content)

        with tempfile.TemporaryDirectory() as folder:
            print(f"{name} on {device}", flush=True)
            rows = run_sections(make_setup(given, base, Path(folder), "cuda"), sections, given.only, keep)
        tables.append(f"**{name}**, {device}\n\n{write_table(rows)}\n")
    print("\n".join(tables))


if __name__ == "__main__":
    main()
