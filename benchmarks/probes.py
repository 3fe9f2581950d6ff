"""What the probes kl and logit_lens cost against one plain forward pass over the same texts.

    python benchmarks/probes.py models/smollm2-135m                    # whole: on an idle machine
    python benchmarks/probes.py models/smollm2-135m --documents 8 --pairs 3 --probe kl
    python benchmarks/probes.py models/smollm2-135m --device cuda --dtype bfloat16

Time: medians over interleaved pairs of CPU seconds of this process (on a GPU seconds of the clock, synchronised).
Memory: the most that is resident while the work is done, in a process of its own that has the model loaded (on a GPU
the allocator's peak), less what the libraries took before the model was there.  The plain pass is of the checkpoint,
over the same batches, with logits for the same positions.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

WORDS = (
    "the",
    "a",
    "woman",
    "man",
    "nurse",
    "doctor",
    "works",
    "sings",
    "in",
    "at",
    "every",
    "town",
    "late",
    "with",
    "her",
)
WORK = ("first", "answer", "text")
"""Texts: a prompt of 40 words and its first position only, 24 words with an answer of 16, an answer of all 40 words."""
PROBES = ("kl", "logit_lens")


def make_documents(work: str, count: int) -> list[dict[str, Any]]:
    """Documents of one kind, always the same."""
    chance = random.Random(work)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        words = chance.choices(WORDS, k=40)
        cut = {"first": 40, "answer": 24, "text": 1}[work]
        prompt, answer = " ".join(words[:cut]), " " + " ".join(words[cut:])
        rows.append({"id": str(number), "prompt": prompt, "completion": answer if cut < 40 else ""})
    return rows


def make_adapter(base: str, folder: Path, rank: int) -> Path:
    """A LoRA adapter with random weights on every linear layer, as PEFT saves it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=rank, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(model, config).save_pretrained(folder)
    return folder


def open_engine(arguments: argparse.Namespace, adapter: str) -> tuple[Any, Any]:
    """(the hf engine, the adapter as its checkpoint)."""
    from lorafair.checkpoint import read_base, read_checkpoints
    from lorafair.engines.contract import EngineSettings
    from lorafair.engines.hf import HfEngine

    base = read_base(arguments.base)
    (checkpoint,) = read_checkpoints([f"one={adapter}"], base, any_base=True)
    return HfEngine(base, [checkpoint], EngineSettings(dtype=arguments.dtype, device=arguments.device)), checkpoint


@contextmanager
def keep_lent(engine: Any, checkpoint: Any) -> Iterator[None]:
    """Lend the checkpoint's model once, so that putting the adapter on the base is in no time and in no ratio."""
    with engine.lend(checkpoint) as model:
        engine.lend = lambda _: nullcontext(model)
        try:
            yield
        finally:
            del engine.lend


def list_calls(
    engine: Any, checkpoint: Any, documents: list[dict[str, Any]], probes: Sequence[str]
) -> dict[str, Callable[[], Any]]:
    """Name -> what is timed; the plain pass goes over the batches that the probes cut."""
    import torch

    from lorafair.engines.hf_pair import read_logits
    from lorafair.probe_text import cut_batches, place_answers
    from lorafair.registry import load_registry, load_target

    placed = place_answers(engine, checkpoint, documents, "given", 1)
    batches = cut_batches(placed)

    def forward() -> None:
        with engine.lend(checkpoint) as model, torch.inference_mode():
            for batch in batches:
                read_logits(model, [placed[i].ids for i in batch], [placed[i].places for i in batch])

    calls: dict[str, Callable[[], Any]] = {"forward": forward}
    for name in probes:
        probe = load_target(load_registry().get("probe", name))
        calls[name] = lambda probe=probe: list(probe(engine, checkpoint, documents))
    return calls


def time_pairs(calls: dict[str, Callable[[], Any]], pairs: int, device: str) -> dict[str, dict[str, float]]:
    """Median seconds of each, and of each probe's ratio to the plain pass beside it."""
    import torch

    def clock() -> float:
        if device == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()  # once before anything counts
    for number in range(pairs):
        order = list(calls)[:: 1 if number % 2 else -1]
        for name in order:
            start = clock()
            calls[name]()
            seconds[name].append(clock() - start)
    return {
        name: {
            "seconds": statistics.median(each),
            "ratio": statistics.median(a / b for a, b in zip(each, seconds["forward"], strict=True)),
        }
        for name, each in seconds.items()
    }


def read_peak() -> int:
    """Most bytes of this process that were resident at one time since the last reset."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measure_peak(arguments: argparse.Namespace, work: str, adapter: str, name: str) -> int:
    """Bytes at most while one of the calls runs, the model loaded before: this process does nothing else."""
    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401

    engine, checkpoint = open_engine(arguments, adapter)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    libraries = pages * resource.getpagesize()
    calls = list_calls(engine, checkpoint, make_documents(work, arguments.documents), PROBES)
    with keep_lent(engine, checkpoint):
        if arguments.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            calls[name]()
            return int(torch.cuda.max_memory_allocated())
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak starts again
        calls[name]()
        return read_peak() - libraries


def ask_child(arguments: argparse.Namespace, work: str, adapter: str, name: str) -> int:
    """:func:`measure_peak` in a process of its own."""
    command = [sys.executable, __file__, arguments.base, "--child", work, adapter, name]
    command += ["--documents", str(arguments.documents), "--dtype", arguments.dtype, "--device", arguments.device]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    """Print a table and, with --json, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--documents", type=int, default=48)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--work", choices=WORK, action="append")
    parser.add_argument("--probe", choices=PROBES, action="append")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=3, metavar=("WORK", "ADAPTER", "CALL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(measure_peak(arguments, *arguments.child))
        return
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        adapter = str(make_adapter(arguments.base, Path(folder) / "one", arguments.rank))
        for work in arguments.work or WORK:
            engine, checkpoint = open_engine(arguments, adapter)
            documents = make_documents(work, arguments.documents)
            calls = list_calls(engine, checkpoint, documents, arguments.probe or PROBES)
            with keep_lent(engine, checkpoint):
                found[work] = time_pairs(calls, arguments.pairs, arguments.device)
            engine.close()
            peaks = {name: ask_child(arguments, work, adapter, name) for name in calls}
            for name, peak in peaks.items():
                found[work][name] |= {"bytes": peak, "memory": peak / peaks["forward"]}
            for name, one in found[work].items():
                print(
                    f"{work:7} {name:10} {one['seconds']:8.2f} s  {one['ratio']:5.2f}x   "
                    f"{one['bytes'] / 1e6:7.0f} MB  {one['memory']:5.2f}x",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
