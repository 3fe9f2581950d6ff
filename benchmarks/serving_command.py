"""Whole commands of the serving benchmark: `lorafair eval` and stock `lm_eval`, with their time and peak memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serving_material import CHOICE, GENERATION, RANK, Setup, find_dtype

BINARIES = Path(sys.executable).parent
ASKED = re.compile(r"([\d,]+) requests asked, ([\d,]+) were stored")
STOCK_CPU = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
"""What stock lm-eval is given on a CPU: the in-process engine with all threads, as LoRAFair runs it."""


@dataclass(frozen=True)
class Cost:
    """One command with its children: seconds, CPU-seconds, peak resident MiB of all together and of each process."""

    wall: float
    cpu: float
    peak_mib: float
    processes: tuple[tuple[str, float], ...]
    printed: str

    def numbers(self) -> dict[str, Any]:
        """The cost without what the command printed."""
        return {key: value for key, value in asdict(self).items() if key != "printed"}


def run_command(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command to its end, its memory read five times a second; stops the benchmark if it fails."""
    import psutil

    peak, peaks, names = 0.0, dict[int, float](), dict[int, str]()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        start = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        try:
            root = psutil.Process(process.pid)
            while True:
                total = 0.0
                try:
                    for one in [root, *root.children(recursive=True)]:
                        used = one.memory_info().rss / 2**20
                        names.setdefault(one.pid, one.name())
                        peaks[one.pid] = max(peaks.get(one.pid, 0.0), used)
                        total += used
                except psutil.Error:
                    pass  # a process that ended meanwhile
                peak = max(peak, total)
                done, status, usage = os.wait4(process.pid, os.WNOHANG)
                if done:
                    break
                time.sleep(0.2)
        except BaseException:
            if process.poll() is None:
                process.terminate()
            raise
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (out, err):
            file.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} failed ({process.returncode}):\n{out.read()[-1000:]}\n{err.read()[-4000:]}")
        each = sorted(((names[pid], round(mib, 1)) for pid, mib in peaks.items() if mib >= 50), key=lambda one: -one[1])
        return Cost(wall, usage.ru_utime + usage.ru_stime, peak, tuple(each), out.read())


def ask_ours(setup: Setup, checkpoints: Sequence[Path], out: Path, *more: str) -> tuple[Cost, int, int]:
    """`lorafair eval` of the base and ``checkpoints`` with its defaults: its cost, requests asked, requests stored."""
    command = [str(BINARIES / "lorafair"), "eval", "--base", setup.base, "--out", str(out), "--engine", setup.engine]
    command += ["--task", CHOICE, "--task", GENERATION, *more]
    if setup.engine_args:
        command += ["--engine-args", json.dumps(setup.engine_args)]
    for path in checkpoints:
        command += ["--checkpoint", str(path)]
    cost = run_command(command, setup.environment)
    found = ASKED.search(cost.printed)
    if found is None:
        sys.exit(f"lorafair eval did not say how many requests it asked:\n{cost.printed}")
    asked, stored = (int(number.replace(",", "")) for number in found.groups())
    print(
        f"  lorafair eval, base + {len(checkpoints)}: {cost.wall:.1f} s, {cost.cpu:.1f} CPU-s, "
        f"{cost.peak_mib:.0f} MiB, {asked} asked, {stored} stored",
        flush=True,
    )
    return cost, asked, stored


def ask_stock(setup: Setup, model: str, adapter: Path | None, out: Path) -> Cost:
    """One `lm_eval --model vllm` or `--model hf` run of the base, or of one adapter on it.

    On a CPU the vLLM side is given what it needs to run at all: LoRA on the adapter's own layers only, because an
    engine with LoRA on the output head dies of log-likelihoods.
    """
    arguments: dict[str, Any] = {"pretrained": setup.base, "dtype": find_dtype(setup)}
    environment, batch = setup.environment, "32"
    if model == "vllm":
        batch = "auto"
        arguments |= setup.engine_args
        if setup.device == "cpu":
            environment = environment | STOCK_CPU
            arguments["enforce_eager"] = True
        if adapter is not None:
            arguments |= {"lora_local_path": str(adapter), "max_lora_rank": RANK}
            if setup.device == "cpu":
                config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
                arguments["lora_target_modules"] = sorted(config["target_modules"])
    elif adapter is not None:
        arguments["peft"] = str(adapter)
    command = [str(BINARIES / "lm_eval"), "run", "--model", model, "--model_args", json.dumps(arguments)]
    command += ["--tasks", f"{CHOICE},{GENERATION}", "--include_path", str(setup.workload), "--batch_size", batch]
    command += ["--output_path", str(out), "--log_samples"]
    if model == "hf":
        command += ["--device", setup.device]
    cost = run_command(command, environment)
    name = adapter.name if adapter else "base"
    print(f"  lm_eval --model {model}, {name}: {cost.wall:.1f} s, {cost.cpu:.1f} CPU-s", flush=True)
    return cost


def read_answers(folder: Path) -> dict[str, list[Any]]:
    """The generated texts, and the choice of each multiple-choice document, from lm-eval's samples below a folder."""
    answers: dict[str, list[Any]] = {}
    for name in (CHOICE, GENERATION):
        (path,) = folder.rglob(f"samples_{name}_*.jsonl")
        rows = sorted(map(json.loads, path.read_text("utf-8").splitlines()), key=lambda row: int(row["doc_id"]))
        if name == GENERATION:
            answers[name] = [row["resps"][0][0] for row in rows]
        else:
            nats = [[float(resp[0][0]) for resp in row["resps"]] for row in rows]
            answers[name] = [each.index(max(each)) for each in nats]
    return answers


def count_same(ours: Path, stock: Path) -> dict[str, str]:
    """How many answers of two runs are the same, by task: "63 of 64"."""
    left, right = read_answers(ours), read_answers(stock)
    return {
        name: f"{sum(a == b for a, b in zip(left[name], right[name], strict=True))} of {len(left[name])}"
        for name in left
    }
