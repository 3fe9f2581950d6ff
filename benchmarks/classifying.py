"""What the ``head`` engine costs over bare forward passes of the same classifiers.

A number of adapters (LoRA of rank 8 on query and value, and a head, all random) of one encoder are asked about every
text of a task.  Both sides run in this process, in interleaved pairs whose order alternates, and read one set of files:

- *bare*: the base is loaded once; each adapter is put on it by PEFT; texts are tokenised once, sorted by tokens, and
  passed in batches of 32; the logits' log-softmax is kept.
- *engine*: :class:`lorafair.engines.head.HeadEngine` answers the task's requests, one for each text and label.
- *audit*: ``lorafair.evaluation.evaluate`` without verification, into an empty folder: tasks, requests, the store,
  lm-eval's metrics and files.

Reported are medians of CPU-seconds (user and system), the ratios of each pair, and the largest difference between the
log-probabilities of both sides.

    python benchmarks/classifying.py --model FOLDER --task lorafair_hatecheck --checkpoints 4 --pairs 7
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GOAL = 1.1
BATCH = 32
TARGETS = ["query", "value"]


def make_checkpoints(model: str, folder: Path, labels: list[str], count: int) -> list[Path]:
    """Random adapters with heads of their own on the encoder in ``model``, as training writes them."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    found = []
    for seed in range(count):
        torch.manual_seed(seed)
        base = AutoModelForSequenceClassification.from_pretrained(model, num_labels=len(labels))
        config = LoraConfig(r=8, target_modules=TARGETS, task_type="SEQ_CLS", init_lora_weights=False)
        found.append(folder / f"lora-{seed}")
        get_peft_model(base, config).save_pretrained(found[-1])
        head = {"labels": labels, "kind": "text", "problem": "single_label_classification"}
        (found[-1] / "head.json").write_text(json.dumps(head), encoding="utf-8")
    return found


def pass_bare(model: str, adapters: list[Path], texts: list[str]) -> list[list[list[float]]]:
    """Log-probabilities (adapters, texts, labels) of a script that a user would write without lorafair."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = tokenizer(texts, truncation=True, max_length=512)["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    base = AutoModelForSequenceClassification.from_pretrained(model, num_labels=2)
    found = []
    for adapter in adapters:
        served = PeftModel.from_pretrained(base, str(adapter)).eval()
        nats: list[list[float]] = [[]] * len(ids)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            width = len(ids[batch[0]])
            rows = torch.tensor([ids[i] + [0] * (width - len(ids[i])) for i in batch])
            mask = torch.tensor([[1] * len(ids[i]) + [0] * (width - len(ids[i])) for i in batch])
            with torch.inference_mode():
                logits = served(input_ids=rows, attention_mask=mask).logits
            for i, row in zip(batch, logits.log_softmax(-1).tolist(), strict=True):
                nats[i] = row
        found.append(nats)
        base = served.unload()
    return found


def measure(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU-seconds of this process (all threads) and the result."""
    started = time.process_time()
    found = work()
    return time.process_time() - started, found


def compare(model: str, task: str, count: int, pairs: int, limit: int | None) -> dict[str, Any]:
    """Run the pairs; the result is printed as JSON by ``main``."""
    from lorafair.checkpoint import read_base, read_checkpoints
    from lorafair.engines.contract import EngineSettings
    from lorafair.engines.head import HeadEngine
    from lorafair.evaluation import EvaluationPlan, evaluate
    from lorafair.preparation import Prepared
    from lorafair.task import load_tasks

    figures: dict[str, list[float]] = {"bare": [], "engine": [], "audit": []}
    furthest = 0.0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        loaded = load_tasks([task], {})
        adapters = make_checkpoints(model, folder, loaded["tasks"][task].config.metadata["classes"], count)
        base = read_base(model)
        checkpoints = read_checkpoints([str(adapter) for adapter in adapters], base, any_base=True)
        plan = EvaluationPlan(
            base=model,
            checkpoints=tuple(map(str, adapters)),
            tasks=(task,),
            out=folder / "prepared",
            limit=limit,
            dtype="float32",
            any_base=True,
            verify=False,
        )
        prepared = Prepared(plan, base, loaded, checkpoints)
        requests = [r for c in checkpoints for r in prepared.requests(c.label, {"checkpoint": c.hash})]
        texts = list(dict.fromkeys(str(request.arguments[0]) for request in requests))
        settings = EngineSettings(dtype="float32", batch_size=BATCH)

        def run_audit() -> None:
            with tempfile.TemporaryDirectory() as out:
                evaluate(EvaluationPlan(**{**vars(plan), "out": Path(out)}), lambda line: None)

        sides: dict[str, Callable[[], Any]] = {
            "bare": lambda: pass_bare(model, adapters, texts),
            "engine": lambda: dict(HeadEngine(base, checkpoints, settings).ask(requests)),
            "audit": run_audit,
        }
        for number in range(pairs + 1):
            told: dict[str, Any] = {}
            for side in sorted(sides, reverse=bool(number % 2)):
                seconds, told[side] = measure(sides[side])
                if number:  # the first of each warms caches up
                    figures[side].append(seconds)
                print(f"pair {number} {side}: {seconds:.2f} CPU-s", file=sys.stderr)
            place_of = {text: i for i, text in enumerate(texts)}
            for at, checkpoint in enumerate(checkpoints):
                own = [r for r in requests if r.checkpoint == checkpoint.label]
                for k, request in enumerate(own):
                    expected = told["bare"][at][place_of[request.arguments[0]]][k % 2]
                    furthest = max(furthest, abs(told["engine"][request][0] - expected))
    ratios = {
        side: statistics.median(one / bare for one, bare in zip(figures[side], figures["bare"], strict=True))
        for side in ("engine", "audit")
    }
    return {
        "model": Path(model).name,
        "task": task,
        "texts": len(texts),
        "checkpoints": count,
        "pairs": pairs,
        "cpu_seconds": {side: round(statistics.median(each), 2) for side, each in figures.items()},
        "ratio": {side: round(ratio, 3) for side, ratio in ratios.items()},
        "goal": GOAL,
        "reached": {side: ratio <= GOAL for side, ratio in ratios.items()},
        "largest_difference_nats": furthest,
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of an encoder")
    parser.add_argument("--task", default="lorafair_hatecheck_sample", help="a task with two classes")
    parser.add_argument("--checkpoints", type=int, default=4, help="adapters")
    parser.add_argument("--pairs", type=int, default=7, help="interleaved pairs of runs")
    parser.add_argument("--limit", type=int, help="documents")
    asked = parser.parse_args()
    print(json.dumps(compare(asked.model, asked.task, asked.checkpoints, asked.pairs, asked.limit), indent=2))


if __name__ == "__main__":
    main()
