"""What training costs: methods over a bare Trainer + PEFT script, a sweep over separate runs, objectives over none.

Every side runs in a process of its own, imports included: ``lorafair train`` on a file of pairs, and
``training_bare.py``, which reads the same pairs, masks prompt and padding alike, trains with the same settings and
writes the checkpoint.  Pairs are interleaved and their order alternates; reported are medians of CPU-seconds (user and
system) and of peak resident memory, the ratio of the medians, and the median of the pairs' own ratios, which a machine
that changes its speed between pairs moves less.  Results come as Markdown, and as JSON with ``--json FILE``.

    python benchmarks/training.py --model models/smollm2-135m --pairs 7
    python benchmarks/training.py --model models/smollm2-135m --only methods --methods lora,full
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BARE = Path(__file__).with_name("training_bare.py")
GOALS = {"methods": 1.02, "sweep": 0.9, "objectives": None}
METHODS = ("lora", "full", "rslora", "dora", "vera", "ia3", "prompt_tuning", "prefix_tuning")
RANKLESS = ("full", "ia3", "prompt_tuning", "prefix_tuning")
RANKS = (1, 2, 4, 8, 16, 32, 64, 128)
OBJECTIVES = ("mean", "group_dro", "fairlora")
Side = Callable[[Path], list[list[str]]]
"""From a folder of this repetition's own to the commands, one after the other, that make up one side of a pair."""


def measure(commands: Sequence[list[str]]) -> tuple[float, float, str]:
    """Run commands to their end: (CPU-seconds of all, peak resident MiB of the largest, standard output of all)."""
    seconds, peak, printed = 0.0, 0.0, ""
    for command in commands:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            if process.returncode:
                raise SystemExit(f"{' '.join(command)} failed:\n{err.read()}")
            seconds += usage.ru_utime + usage.ru_stime
            peak = max(peak, usage.ru_maxrss / 1024)
            printed += out.read()
    return seconds, peak, printed


def compare(name: str, ours: Side, theirs: Side, pairs: int, folder: Path, goal: float | None) -> dict[str, Any]:
    """Interleaved pairs of two sides; the medians and their ratios."""
    figures: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    said = {"ours": "", "theirs": ""}
    for number in range(pairs):
        for side, make in sorted({"ours": ours, "theirs": theirs}.items(), reverse=bool(number % 2)):
            place = folder / name.replace(" ", "-") / f"{number}-{side}"
            seconds, peak, said[side] = measure(make(place))
            figures[side].append((seconds, peak))
            print(f"{name}, pair {number + 1} {side}: {seconds:.2f} CPU-s, {peak:.0f} MiB", file=sys.stderr)
    medians = {
        side: [statistics.median(column) for column in zip(*each, strict=True)] for side, each in figures.items()
    }
    cpu, peak = (a / b for a, b in zip(medians["ours"], medians["theirs"], strict=True))
    return {
        "name": name,
        "cpu_seconds": {side: round(median[0], 2) for side, median in medians.items()},
        "peak_mib": {side: round(median[1]) for side, median in medians.items()},
        "ratio_cpu": round(cpu, 3),
        "ratio_pairs": round(statistics.median(a / b for (a, _), (b, _) in zip(*figures.values(), strict=True)), 3),
        "ratio_peak": round(peak, 3),
        "goal": goal,
        "reached": None if goal is None else cpu <= goal and (peak <= goal or name == "sweep"),
        "said": said,
    }


def make_train(model: str, data: Path, method: str, ranks: Sequence[int], *more: str) -> Side:
    """``lorafair train`` of one method, at ranks where it has one."""
    command = [sys.executable, "-m", "lorafair", "train", "--base", model, "--data", str(data), "--method", method]
    if method not in RANKLESS:
        command += [f"--rank={rank}" for rank in ranks]
    return lambda out: [[*command, *more, "--out", str(out)]]


def make_bare(model: str, data: Path, method: str, ranks: Sequence[int]) -> Side:
    """The bare script, once per rank."""
    command = [sys.executable, str(BARE), "--model", model, "--data", str(data), "--method", method]
    return lambda out: [[*command, f"--rank={rank}", "--out", f"{out}-r{rank}"] for rank in ranks]


def compare_methods(model: str, data: Path, methods: Sequence[str], pairs: int, folder: Path) -> list[dict[str, Any]]:
    """Each method at rank 8 against the bare script, and whether both ended with the same loss."""
    rows = []
    for method in methods:
        ours, theirs = make_train(model, data, method, (8,)), make_bare(model, data, method, (8,))
        row = compare(method, ours, theirs, pairs, folder, GOALS["methods"])
        (path,) = (folder / method / f"{pairs - 1}-ours").glob("*/provenance.json")
        loss = json.loads(path.read_text(encoding="utf-8"))["settings"]["final_loss"]
        row["losses"] = [loss, float(row["said"]["theirs"].split("final_loss=")[1].split()[0])]
        rows.append(row)
    return rows


def write_table(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table of comparisons."""
    head = ["", "CPU-seconds", "against", "ratio", "of pairs", "peak MiB", "against", "ratio", "goal", "last losses"]
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row["name"], row["cpu_seconds"]["ours"], row["cpu_seconds"]["theirs"], row["ratio_cpu"]]
        cells.append(row["ratio_pairs"])
        cells += [row["peak_mib"]["ours"], row["peak_mib"]["theirs"], row["ratio_peak"]]
        goal = "" if row["goal"] is None else f"≤ {row['goal']}: {'reached' if row['reached'] else 'missed'}"
        cells += [goal, ", ".join(f"{loss:.4f}" for loss in row.get("losses", ()))]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def run(asked: argparse.Namespace, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The parts that were asked for, by their names."""
    from lorafair.data.pairs import load_pairs

    data = folder / "pairs.jsonl"
    rows = load_pairs("honest_sample_pairs").rows[: asked.steps * 8]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = {}
    if "methods" in asked.only:
        found["methods"] = compare_methods(asked.model, data, asked.methods, asked.pairs, folder)
    if "sweep" in asked.only:
        ours, theirs = make_train(asked.model, data, "lora", RANKS), make_bare(asked.model, data, "lora", RANKS)
        found["sweep"] = [compare("sweep", ours, theirs, asked.pairs, folder, GOALS["sweep"])]
    if "objectives" in asked.only:
        plain = make_train(asked.model, data, "lora", (8,))
        found["objectives"] = [
            compare(
                name, make_train(asked.model, data, "lora", (8,), "--objective", name), plain, asked.pairs, folder, None
            )
            for name in OBJECTIVES
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--pairs", type=int, default=7, help="interleaved pairs of runs")
    parser.add_argument("--steps", type=int, default=30, help="optimizer steps per run, a multiple of ten")
    parser.add_argument("--only", default=",".join(GOALS), help="parts, with commas")
    parser.add_argument("--methods", default=",".join(METHODS), help="with commas")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there")
    asked = parser.parse_args()
    asked.only, asked.methods = asked.only.split(","), asked.methods.split(",")
    titles = {
        "methods": "lorafair train against a bare Trainer + PEFT script",
        "sweep": f"One sweep of ranks {', '.join(map(str, RANKS))} against as many bare processes",
        "objectives": "LoRA of rank 8 with an objective against the same without",
    }
    with tempfile.TemporaryDirectory() as folder:
        found = run(asked, Path(folder))
    threads = os.environ.get("OMP_NUM_THREADS", "default")
    print(f"{Path(asked.model).name}, {asked.steps} steps of 8, {asked.pairs} pairs, {threads} thread(s)\n")
    for part, rows in found.items():
        print(write_table(titles[part], rows))
    if asked.json:
        facts = {"model": Path(asked.model).name, "pairs": asked.pairs, "steps": asked.steps, "threads": threads}
        for row in (row for rows in found.values() for row in rows):
            del row["said"]
        asked.json.write_text(json.dumps({**facts, **found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
