"""The process of the serving benchmark that holds one vLLM engine and measures what it is told to, over a pipe.

    python benchmarks/serving_engine.py ORDER          one JSON object per line in, one per line out
    python benchmarks/serving_engine.py ORDER --fresh  plain vLLM: one answer to the base of ORDER, then the end

Two vLLM engines cannot live in one process, and CPU-seconds are those of a process with all its threads: so every
engine has a process of its own, and only one of them works at a time.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, TextIO


class Served:
    """A vLLM engine of LoRAFair's, the benchmark's requests, and what can be measured with them."""

    def __init__(self, order: dict[str, Any]) -> None:
        from lorafair.checkpoint import read_base, read_checkpoints
        from lorafair.engines.contract import EngineSettings
        from lorafair.engines.vllm import VllmEngine

        base = read_base(order["base"])
        settings = EngineSettings(dtype=order["dtype"], extra=order["engine_args"])
        self.engine = VllmEngine(base, read_checkpoints(order["checkpoints"], base), settings)
        self.identity = VllmEngine.identify(settings)
        self.instances = {kind: _make_instances(order["tasks"][kind], order["tokens"]) for kind in order["tasks"]}
        self.recorded: list[tuple[Any, Any, Any]] = []
        next(self.engine.ask(self.plan(base.label, "loglikelihood")[:1]))  # the engine starts with its first request
        self.on_cpu = order["device"] == "cpu"

    def plan(self, label: str, *kinds: str) -> list[Any]:
        """The requests of these kinds to one checkpoint."""
        from lorafair.responses.request import plan_requests

        instances = [instance for kind in kinds for instance in self.instances[kind]]
        return plan_requests(instances, label, self.identity | {"checkpoint": label}, {}, 1234)

    @property
    def llm(self) -> Any:
        """vLLM's own ``LLM`` inside the engine."""
        return self.engine._llm

    def measure(self, work: Callable[[], int]) -> dict[str, Any]:
        """Seconds and CPU-seconds of ``work`` from an empty prefix cache; ``answers`` is what it returns."""
        if not self.llm.llm_engine.reset_prefix_cache():
            raise SystemExit("vLLM did not empty its prefix cache")
        wall, cpu = time.perf_counter(), time.process_time()
        answers = work()
        return {"CPU-seconds": time.process_time() - cpu, "seconds": time.perf_counter() - wall, "answers": answers}

    def ask(self, labels: list[str], kinds: list[str]) -> dict[str, Any]:
        """The engine's part of an audit: every request of these kinds to these checkpoints."""
        requests = [request for label in labels for request in self.plan(label, *kinds)]
        return self.measure(lambda: sum(1 for _ in self.engine.ask(requests)))

    def ask_through_pipe(self, requests: list[Any]) -> Iterator[tuple[Any, Any]]:
        """The engine's answers, sent and received as between an audit and its engine's process."""
        ours, theirs = Pipe()
        waiting = {request.key: request for request in requests}
        for request, answer in self.engine.ask(pickle.loads(pickle.dumps(requests))):
            theirs.send(("answer", request.key, answer))
            _, key, received = ours.recv()
            yield waiting[key], received

    def evaluate(self, label: str) -> dict[str, Any]:
        """The evaluator on one checkpoint: keys, asking, checking, storing, and the answers handed back to lm-eval."""
        from lorafair.responses.asking import find_fault
        from lorafair.responses.replay import ReplayLM
        from lorafair.responses.store import ResponseStore

        identity = self.identity | {"checkpoint": label}

        def work() -> int:
            answers = {}
            with ResponseStore(Path(folder)) as store:
                for request, answer in self.ask_through_pipe(self.plan(label, *self.instances)):
                    if fault := find_fault(request, answer):
                        raise SystemExit(fault)
                    store.write("0" * 64, request, answer)
                    answers[request.key] = answer
            lm = ReplayLM(self.engine.tokenizer, label, identity, {}, 1234, answers)
            return sum(len(getattr(lm, kind)(instances)) for kind, instances in self.instances.items())

        with tempfile.TemporaryDirectory() as folder:
            return self.measure(work)

    def record(self, label: str) -> dict[str, Any]:
        """Ask once and note what reaches vLLM, so that the raw side sends exactly that."""
        engine, noted = self.llm.llm_engine, []
        original = engine.add_request

        def note(number: str, prompt: Any, params: Any, *more: Any, **named: Any) -> Any:
            noted.append((copy.deepcopy(prompt), copy.deepcopy(params), named.get("lora_request")))
            return original(number, prompt, params, *more, **named)

        engine.add_request = note
        try:
            found = self.evaluate(label)
        finally:
            engine.add_request = original
        if len(noted) != found["answers"]:
            raise SystemExit(f"{len(noted)} prompts reached vLLM for {found['answers']} requests")
        self.recorded = noted
        return found

    def generate(self) -> dict[str, Any]:
        """Raw ``LLM.generate`` of the recorded prompts and parameters, in the order in which they were sent."""
        prompts, params, adapters = (list(column) for column in zip(*self.recorded, strict=True))
        lora = adapters if any(adapters) else None
        return self.measure(lambda: len(self.llm.generate(prompts, params, lora_request=lora, use_tqdm=False)))

    def answer_first(self, label: str) -> dict[str, Any]:
        """From the first request to a checkpoint until its answer, whatever has to be loaded for it."""
        request = self.plan(label, "loglikelihood")[:1]
        return self.measure(lambda: sum(1 for _ in self.engine.ask(request)))

    def check_alone(self) -> dict[str, Any]:
        """Refuse to count CPU-seconds of this process where another one does the work."""
        import psutil

        children = [child.name() for child in psutil.Process().children(recursive=True)]
        if self.on_cpu and children:
            raise SystemExit(f"the engine runs in other processes ({', '.join(children)}): CPU-seconds would miss them")
        return {"children": children}


def _make_instances(path: str, tokens: int) -> list[Any]:
    """lm-eval's instances for a file of documents: of log-likelihoods where they have choices, else of generation."""
    from lm_eval.api.instance import Instance

    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    settings = {"do_sample": False, "temperature": 0.0, "max_gen_toks": tokens, "until": ["\x1d\x1d\x1d"]}
    made = []
    for number, row in enumerate(rows):
        facts = (Path(path).stem, number, 1)
        for place, choice in enumerate(row.get("choices", [])):
            made.append(Instance("loglikelihood", row, (row["text"], choice), place, facts))
        if "choices" not in row:
            made.append(Instance("generate_until", row, (row["text"], settings), 0, facts))
    return made


def serve(order: dict[str, Any], reply: TextIO) -> None:
    """Start the engine, then measure what each line of standard input says: ``{"do": name, …arguments}``."""

    def say(answer: dict[str, Any]) -> None:
        reply.write(json.dumps(answer) + "\n")
        reply.flush()

    start = time.perf_counter()
    served = Served(order)
    say(served.check_alone() | {"seconds": time.perf_counter() - start})
    for line in sys.stdin:
        command = json.loads(line)
        say(getattr(served, command.pop("do"))(**command))
    served.engine.close()


def answer_afresh(order: dict[str, Any], reply: TextIO) -> None:
    """What a script of one's own does for one full checkpoint: import vLLM, start it, one log-likelihood."""
    if order["device"] == "cpu":
        os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "2"}
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    from vllm import LLM, SamplingParams

    llm = LLM(model=order["base"], dtype=order["dtype"], enforce_eager=order["device"] == "cpu", **order["engine_args"])
    ids = llm.get_tokenizer().encode("The capital of France is Paris.")
    llm.generate({"prompt_token_ids": ids}, SamplingParams(max_tokens=1, prompt_logprobs=1), use_tqdm=False)
    reply.write("{}\n")
    reply.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    (answer_afresh if "--fresh" in sys.argv else serve)(json.loads(sys.argv[1]), answers)
