"""The script that a user would write without LoRAFair: transformers' Trainer and PEFT, one method on a file of pairs.

Run by ``training.py``; prints the last logged loss (of ten steps).  It imports nothing of this project.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

SETTINGS: dict[str, Any] = {"rank": 8, "alpha": 16, "batch_size": 8, "seed": 13}
RATES = {"full": 5e-5}
RATE = 5e-4


def make_config(method: str, rank: int, alpha: int) -> Any:
    """The PEFT config of a method, None for every weight; settings as ``lorafair train`` has them by default."""
    import peft

    text, linear = {"task_type": "CAUSAL_LM"}, {"target_modules": "all-linear"}
    lora = {"r": rank, "lora_alpha": alpha, **linear, **text}
    makers = {
        "full": lambda: None,
        "lora": lambda: peft.LoraConfig(**lora),
        "rslora": lambda: peft.LoraConfig(**lora, use_rslora=True),
        "dora": lambda: peft.LoraConfig(**lora, use_dora=True),
        "vera": lambda: peft.VeraConfig(r=rank, **linear, **text, projection_prng_key=SETTINGS["seed"]),
        "ia3": lambda: peft.IA3Config(**text),
        "prompt_tuning": lambda: peft.PromptTuningConfig(num_virtual_tokens=20, **text),
        "prefix_tuning": lambda: peft.PrefixTuningConfig(num_virtual_tokens=20, **text),
    }
    return makers[method]()


def train_bare(model: str, data: str, out: str, method: str, rank: int) -> None:
    """Train and save one checkpoint."""
    import torch
    from peft import get_peft_model
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

    net = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    set_seed(SETTINGS["seed"])
    config = make_config(method, rank, 2 * rank)
    net = net if config is None else get_peft_model(net, config)
    arguments = TrainingArguments(
        output_dir=out,
        learning_rate=RATES.get(method, RATE),
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
    trainer = Trainer(net, arguments, train_dataset=examples, data_collator=collate)
    trainer.train()
    net.save_pretrained(Path(out) / "checkpoint")
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    print(f"final_loss={losses[-1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "data", "out", "method"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rank", type=int, default=SETTINGS["rank"])
    asked = parser.parse_args()
    train_bare(asked.model, asked.data, asked.out, asked.method, asked.rank)


if __name__ == "__main__":
    main()
