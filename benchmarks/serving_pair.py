"""Sections of the serving benchmark inside running engines: the evaluator's cost, LoRA's cost, swapped weights."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from serving_figure import Row, Section, describe_ratios, find_interval
from serving_material import CHOICE, GENERATION, Setup, find_dtype, make_adapters, make_full

SCRIPT = Path(__file__).with_name("serving_engine.py")
SHARE_OF_GPU = {"gpu_memory_utilization": 0.4}
"""On a GPU two engines stand beside each other, each with less than half of its memory."""


class EngineProcess:
    """A child process with one engine (``serving_engine.py``); it measures on command and idles in between."""

    def __init__(
        self, setup: Setup, base: str, checkpoints: list[Path], *more: str, environment: dict[str, str] | None = None
    ) -> None:
        order = {
            "base": base,
            "dtype": find_dtype(setup),
            "checkpoints": [str(path) for path in checkpoints],
            "device": setup.device,
            "tokens": setup.tokens,
            "tasks": {
                "loglikelihood": str(setup.workload / f"{CHOICE}.jsonl"),
                "generate_until": str(setup.workload / f"{GENERATION}.jsonl"),
            },
            "engine_args": (SHARE_OF_GPU if setup.device != "cpu" else {}) | setup.engine_args,
        }
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), json.dumps(order), *more],
            env=setup.environment | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._read()
        self.started = time.perf_counter() - start
        """Seconds from the start of the process to its first answer."""

    def ask(self, do: str, **facts: Any) -> dict[str, Any]:
        """Have one thing measured and return what the child says of it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **facts}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _fail(self) -> None:
        code = self._process.wait()
        self._errors.seek(0)
        sys.exit(f"the engine's process ended ({code}):\n{self._errors.read()[-4000:]}")

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()


class Engines:
    """The engines that the sections share, each started when it is first needed: a context manager."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._running: dict[str, EngineProcess] = {}

    def __enter__(self) -> Engines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End those that run; they are started again where they are needed again."""
        for name in list(self._running):
            self._running.pop(name).close()

    def get(self, name: str) -> EngineProcess:
        """The engine ``plain`` (the base alone), or ``lora`` (the base, one adapter and a full checkpoint)."""
        if name not in self._running:
            checkpoints: list[Path] = []
            if name == "lora":
                make_adapters(self._setup, 1)
                make_full(self._setup)
                checkpoints = [self._setup.adapter(1), self._setup.full]
            self._running[name] = EngineProcess(self._setup, self._setup.base, checkpoints)
            print(f"  engine {name}: ready after {self._running[name].started:.1f} s", flush=True)
        return self._running[name]


Side = tuple[EngineProcess, str, dict[str, Any]]


def measure_pairs(setup: Setup, sides: dict[str, Side]) -> tuple[list[float], dict[str, list[dict[str, Any]]]]:
    """Interleaved pairs of two sides, the order alternating: the ratios first / second, and each side's numbers.

    Each side is warmed up once.  Ratios are of CPU-seconds, or of seconds on a GPU.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for process, do, facts in sides.values():
        process.ask(do, **facts)
    for number in range(setup.pairs):
        for name in sorted(sides, reverse=bool(number % 2)):
            process, do, facts = sides[name]
            found[name].append(process.ask(do, **facts))
        latest = {
            name: f"{each[-1]['CPU-seconds']:.2f} CPU-s, {each[-1]['seconds']:.2f} s" for name, each in found.items()
        }
        print(f"  pair {number + 1}: {latest}", flush=True)
    first, second = found.values()
    if {one["answers"] for one in first} != {one["answers"] for one in second}:
        sys.exit(f"the two sides did not answer the same number of requests: {found}")
    return [a[setup.clock] / b[setup.clock] for a, b in zip(first, second, strict=True)], found


def report_ratios(setup: Setup, measure: str, goal: float, sides: dict[str, Side]) -> Section:
    """A row for a ratio near 1 that is not to exceed ``goal``."""
    ratios, found = measure_pairs(setup, sides)
    row = Row(measure, describe_ratios(ratios, setup.clock), f"≤ {goal:g}x", statistics.median(ratios) <= goal)
    return Section([row], {"ratios": ratios, "interval": find_interval(ratios), **found})


def compare_with_raw(setup: Setup, engines: Engines) -> Section:
    """The evaluator (keys, asking, store, replay) against ``LLM.generate`` of the same prompts in the same engine."""
    engine = engines.get("plain")
    engine.ask("record", label="base")
    measure = f"evaluator against raw `LLM.generate` of the same {setup.requests} requests in the same engine"
    sides: dict[str, Side] = {"evaluator": (engine, "evaluate", {"label": "base"}), "raw": (engine, "generate", {})}
    return report_ratios(setup, measure, 1.05, sides)


def compare_with_plain(setup: Setup, engines: Engines) -> Section:
    """An adapter in a LoRA engine against the base in an engine without LoRA, log-likelihoods."""
    kinds = ["loglikelihood"]
    label = setup.adapter(1).name
    sides: dict[str, Side] = {
        "lora": (engines.get("lora"), "ask", {"labels": [label], "kinds": kinds}),
        "plain": (engines.get("plain"), "ask", {"labels": ["base"], "kinds": kinds}),
    }
    measure = f"LoRA engine against no-LoRA engine, log-likelihoods, {'CPU' if setup.device == 'cpu' else 'GPU'}"
    return report_ratios(setup, measure, 1.25, sides)


def compare_with_fresh(setup: Setup, engines: Engines) -> Section:
    """A full checkpoint swapped into a running engine against plain vLLM in a fresh process, to the first answer."""
    engine = engines.get("lora")
    engine.ask("answer_first", label="base")
    swapped, back, fresh = [], [], []
    for number in range(setup.repeats):
        swapped.append(engine.ask("answer_first", label=setup.full.name)["seconds"])
        back.append(engine.ask("answer_first", label="base")["seconds"])
        process = EngineProcess(setup, str(setup.full), [], "--fresh")
        fresh.append(process.started)
        process.close()
        print(f"  {number + 1}: swapped in {swapped[-1]:.2f} s, fresh {fresh[-1]:.1f} s", flush=True)
    here, there = statistics.median(swapped), statistics.median(fresh)
    measured = f"{there / here:.0f}x faster ({here:.2f} s against {there:.1f} s, medians of {setup.repeats})"
    measure = "full checkpoint swapped in, against a fresh process with its imports and engine, to the first answer"
    row = Row(measure, measured, "≥ 20x", there / here >= 20)
    return Section([row], {"swapped": swapped, "back_to_base": back, "fresh": fresh})
