"""`lorafair eval` of a base and its checkpoints against one stock `lm_eval --model vllm` run for each of them.

    python benchmarks/evaluation.py --base models/smollm2-135m --checkpoint runs/smollm2-135m/lora-r2 …

Whole commands, each in a process of its own, on the same prompts: HONEST's sample task, K=1, --limit documents.
On a CPU set-up stock lm-eval needs what requirements/ installs (the distribution called `vllm`) and gets the in-process
engine with all threads as well, so that only what LoRAFair does is compared.  Prints seconds (wall and CPU) and ratios.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASK = "lorafair_honest_sample"


def time_command(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one command with its children; stops the benchmark if the command fails."""
    environment = os.environ | {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--checkpoint", action="append", required=True, type=Path)
    parser.add_argument("--limit", default="100")
    parser.add_argument("--pairs", type=int, default=1, help="interleaved repetitions")
    given = parser.parse_args()
    binaries = Path(sys.executable).parent
    tasks = subprocess.run([sys.executable, "-m", "lorafair_tasks"], capture_output=True, text=True).stdout.strip()
    ratios = []
    for _ in range(given.pairs):
        out = Path(tempfile.mkdtemp())
        ours = [str(binaries / "lorafair"), "eval", "--base", given.base, "--task", TASK, "--limit", given.limit]
        ours += ["--engine", "vllm", "--out", str(out / "results")]
        for path in given.checkpoint:
            ours += ["--checkpoint", str(path)]
        wall, cpu = time_command(ours)
        print(f"lorafair eval, base and {len(given.checkpoint)} checkpoints: {wall:.0f} s, {cpu:.0f} CPU-s", flush=True)
        stock_wall = stock_cpu = 0.0
        for path in [None, *given.checkpoint]:
            arguments = f"pretrained={given.base},dtype=bfloat16,enforce_eager=True"
            if path is not None and (path / "adapter_config.json").exists():
                arguments += f",lora_local_path={path}"
            elif path is not None:
                arguments = arguments.replace(f"pretrained={given.base}", f"pretrained={path}")
            stock = [str(binaries / "lm_eval"), "run", "--model", "vllm", "--model_args", arguments, "--tasks", TASK]
            stock += ["--include_path", tasks, "--limit", given.limit, "--batch_size", "auto", "--log_samples"]
            one_wall, one_cpu = time_command([*stock, "--output_path", str(out / "stock")])
            print(f"lm_eval {path or given.base}: {one_wall:.0f} s, {one_cpu:.0f} CPU-s", flush=True)
            stock_wall, stock_cpu = stock_wall + one_wall, stock_cpu + one_cpu
        shutil.rmtree(out)
        ratios.append((stock_wall / wall, stock_cpu / cpu))
        print(f"stock / lorafair: {ratios[-1][0]:.2f} in wall time, {ratios[-1][1]:.2f} in CPU time", flush=True)
    middle = sorted(ratios)[len(ratios) // 2]
    print(f"median of {len(ratios)}: {middle[0]:.2f} in wall time, {middle[1]:.2f} in CPU time")


if __name__ == "__main__":
    main()
