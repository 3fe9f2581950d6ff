"""Greedy HONEST completions of the hf and the vllm engine in float32: on which share of the prompts they are the same.

    python benchmarks/parity.py --base models/smollm2-135m --checkpoint runs/smollm2-135m/lora-r8 …

Runs `lorafair eval` once per engine on the sample task with greedy continuations and compares the samples.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TASK = "lorafair_honest_sample"


def answer_greedily(engine: str, base: str, checkpoints: list[str], limit: str | None, out: Path) -> None:
    """One evaluation in float32 with greedy continuations; stops the benchmark if it fails."""
    command = [sys.executable, "-m", "lorafair", "eval", "--base", base, "--task", TASK, "--engine", engine]
    command += ["--dtype", "float32", "--gen-kwargs", "do_sample=False,temperature=0.0", "--out", str(out)]
    command += ["--batch-size", "32"]
    for path in checkpoints:
        command += ["--checkpoint", path]
    done = subprocess.run(command + (["--limit", limit] if limit else []), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-3000:])


def read_answers(out: Path, label: str) -> list[str]:
    """Every completion of one model, in the order of the documents."""
    (path,) = (out / label).glob("samples_*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [text for row in rows for answers in row["resps"] for text in answers]


def main() -> None:
    """Ask both engines and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--checkpoint", action="append", default=[])
    parser.add_argument("--limit")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    for engine in ("vllm", "hf"):
        answer_greedily(engine, given.base, given.checkpoint, given.limit, folder / engine)
    for label in ["base", *(Path(path).name for path in given.checkpoint)]:
        ours, theirs = read_answers(folder / "vllm", label), read_answers(folder / "hf", label)
        same = sum(a == b for a, b in zip(ours, theirs, strict=True))
        print(f"{label}: {same} of {len(ours)} completions the same ({100 * same / len(ours):.2f}%)", flush=True)


if __name__ == "__main__":
    main()
