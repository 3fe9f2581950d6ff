"""What ``lorafair train`` costs over a bare Trainer + PEFT script that does the same work.

Each side runs in a process of its own, imports included: ``lorafair train --method lora --rank 8`` and the function
``train_bare`` below, which reads the same pairs, masks prompt and padding alike, trains with the same settings and
writes the adapter.  Pairs are interleaved and their order alternates; reported are medians of CPU-seconds (user and
system) and of peak resident memory, the ratio of each pair's median, and whether both sides reached the same loss.

    python benchmarks/training.py --model models/smollm2-135m --pairs 7
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GOAL = 1.05
SETTINGS: dict[str, Any] = {"rank": 8, "alpha": 16, "lr": 5e-4, "batch_size": 8, "seed": 13}


def train_bare(model: str, data: str, out: str) -> None:
    """The script that a user would write without lorafair; prints the last logged loss."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, set_seed

    rows = [json.loads(line) for line in Path(data).read_text(encoding="utf-8").splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(model)
    examples = []
    for row in rows:
        prompt = tokenizer(row["prompt"])["input_ids"]
        ids = [*tokenizer(row["prompt"] + row["completion"])["input_ids"], tokenizer.eos_token_id]
        examples.append({"input_ids": ids, "labels": [-100] * len(prompt) + ids[len(prompt) :]})

    def collate(batch: list[dict[str, list[int]]]) -> dict[str, Any]:
        longest = max(len(example["input_ids"]) for example in batch)

        def stack(lists: list[list[int]], filler: int) -> Any:
            return torch.tensor([values + [filler] * (longest - len(values)) for values in lists])

        return {
            "input_ids": stack([e["input_ids"] for e in batch], tokenizer.eos_token_id),
            "attention_mask": stack([[1] * len(e["input_ids"]) for e in batch], 0),
            "labels": stack([e["labels"] for e in batch], -100),
        }

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    set_seed(SETTINGS["seed"])
    config = LoraConfig(
        r=SETTINGS["rank"], lora_alpha=SETTINGS["alpha"], target_modules="all-linear", task_type="CAUSAL_LM"
    )
    arguments = TrainingArguments(
        output_dir=out,
        learning_rate=SETTINGS["lr"],
        per_device_train_batch_size=SETTINGS["batch_size"],
        num_train_epochs=1,
        seed=SETTINGS["seed"],
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),
    )
    peft_model = get_peft_model(base, config)
    trainer = Trainer(peft_model, arguments, train_dataset=examples, data_collator=collate)
    trainer.train()
    peft_model.save_pretrained(Path(out) / "adapter")
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    print(f"final_loss={losses[-1]}")


def measure(command: list[str]) -> tuple[float, float, str]:
    """Run a command to its end: (CPU-seconds, peak resident MiB, standard output)."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{err.read()}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read()


def compare(model: str, pairs: int, steps: int) -> dict[str, Any]:
    """Run ``pairs`` interleaved pairs of ``steps`` steps; the result is printed as JSON by ``main``."""
    from lorafair.data.pairs import load_pairs

    figures: dict[str, list[tuple[float, float]]] = {"bare": [], "lorafair": []}
    losses: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "pairs.jsonl")
        rows = load_pairs("honest_sample_pairs").rows[: steps * SETTINGS["batch_size"]]
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for number in range(pairs):
            out = Path(folder, str(number))
            commands = {
                "bare": [sys.executable, __file__, "--bare", str(data), "--model", model, "--out", f"{out}-bare"],
                "lorafair": [sys.executable, "-m", "lorafair", "train", "--base", model, "--data", str(data)]
                + ["--method", "lora", "--out", f"{out}-lorafair"]
                + [f"--{key.replace('_', '-')}={value}" for key, value in SETTINGS.items()],
            }
            for side in sorted(commands, reverse=bool(number % 2)):
                seconds, peak, printed = measure(commands[side])
                figures[side].append((seconds, peak))
                if side == "bare":
                    losses[side] = float(printed.split("final_loss=")[1].split()[0])
                print(f"pair {number + 1} {side}: {seconds:.2f} CPU-s, {peak:.0f} MiB", file=sys.stderr)
            record = json.loads(Path(f"{out}-lorafair", "lora-r8", "provenance.json").read_text(encoding="utf-8"))
            losses["lorafair"] = record["settings"]["final_loss"]
    medians = {
        side: [statistics.median(column) for column in zip(*each, strict=True)] for side, each in figures.items()
    }
    ratios = [ours / theirs for ours, theirs in zip(medians["lorafair"], medians["bare"], strict=True)]
    return {
        "model": Path(model).name,
        "pairs": pairs,
        "steps": -(-len(rows) // SETTINGS["batch_size"]),
        "cpu_seconds": {side: round(median[0], 2) for side, median in medians.items()},
        "peak_mib": {side: round(median[1]) for side, median in medians.items()},
        "ratio_cpu": round(ratios[0], 3),
        "ratio_peak": round(ratios[1], 3),
        "goal": GOAL,
        "reached": max(ratios) <= GOAL,
        "same_loss": abs(losses["bare"] - losses["lorafair"]) < 1e-3,
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--pairs", type=int, default=7, help="interleaved pairs of runs")
    parser.add_argument("--steps", type=int, default=30, help="optimizer steps per run, at least 10")
    parser.add_argument("--bare", metavar="PAIRS", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bare:
        train_bare(asked.model, asked.bare, asked.out)
    else:
        print(json.dumps(compare(asked.model, asked.pairs, asked.steps), indent=2))


if __name__ == "__main__":
    main()
