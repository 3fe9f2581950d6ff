"""What the serving benchmark serves and asks: LoRA adapters, a full checkpoint and two small lm-eval tasks, made anew.

The adapters are PEFT's, rank 8 on every linear layer, with random weights scaled so that each changes its layer by 2%
of the layer's norm: the model still works, and every adapter answers differently.  The tasks are made of the project's
own sample documents: one multiple choice (four log-likelihoods of several tokens a document) and one greedy generation
whose stop sequence never comes (an end-of-text token still ends it, on every side alike).  The tasks are a distribution
of their own in a folder on PYTHONPATH, which declares them to LoRAFair by entry points, as any third-party package's.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHOICE, GENERATION = "serving_choice", "serving_generation"
PACKAGE = "lorafair_serving_workload"
CHOICES = 4
RANK = 8
SHARE = 0.02


@dataclass(frozen=True)
class Setup:
    """What is measured, on what; ``folder`` takes everything that is made on the way."""

    base: str
    folder: Path
    device: str = "cpu"
    adapters: int = 8
    documents: int = 64
    tokens: int = 20
    pairs: int = 7
    repeats: int = 5
    stock_runs: int = 0
    sizes: tuple[int, ...] = (1, 8, 32, 64)
    engine: str = "auto"
    engine_args: dict[str, Any] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Requests to each model: log-likelihoods and generations of the whole workload."""
        return self.documents * (CHOICES + 1)

    @property
    def clock(self) -> str:
        """What ratios near 1 are measured in: CPU-seconds of all threads, or seconds where a GPU does the work."""
        return "CPU-seconds" if self.device == "cpu" else "seconds"

    @property
    def workload(self) -> Path:
        """The folder with the YAML files of the two tasks."""
        return self.folder / "tasks" / PACKAGE

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which both lorafair and lm_eval find the tasks and leave no caches behind."""
        paths = [str(self.folder / "tasks"), os.environ.get("PYTHONPATH", "")]
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "HF_DATASETS_CACHE": str(self.folder / "datasets"),
        }

    def adapter(self, number: int) -> Path:
        """The folder of the adapter with this number, from 1."""
        return self.folder / "adapters" / f"adapter-{number:02d}"

    @property
    def full(self) -> Path:
        """The folder of the full checkpoint."""
        return self.folder / "full"


def find_dtype(setup: Setup) -> str:
    """The dtype that the base's config names; every side computes in it."""
    from lorafair.checkpoint import read_base

    config = read_base(setup.base).config
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")


def write_tasks(setup: Setup) -> None:
    """Write documents and YAML of the two tasks, and the metadata that declares them."""
    from lorafair.data.honest import honest_documents, training_pairs

    texts = [document["text"] for document in honest_documents("honest_sample")]
    completions = list(dict.fromkeys(row["completion"] for row in training_pairs()))
    if not 0 < 2 * setup.documents <= len(texts):
        raise SystemExit(f"--documents {setup.documents}: give 1 to {len(texts) // 2}.")
    setup.workload.mkdir(parents=True)
    (setup.workload / "__init__.py").touch()
    choice = [
        {
            "text": text,
            "choices": [completions[(CHOICES * i + j) % len(completions)] for j in range(CHOICES)],
            "label": 0,
        }
        for i, text in enumerate(texts[: setup.documents])
    ]
    shapes: dict[str, dict[str, Any]] = {
        CHOICE: {"output_type": "multiple_choice", "doc_to_choice": "choices", "doc_to_target": "label"},
        GENERATION: {"output_type": "generate_until", "doc_to_target": "", "generation_kwargs": _greedy(setup.tokens)},
    }
    metrics = {CHOICE: "acc", GENERATION: "exact_match"}
    rows = {CHOICE: choice, GENERATION: [{"text": text} for text in texts[-setup.documents :]]}
    for name, shape in shapes.items():
        path = setup.workload / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[name]), encoding="utf-8")
        shape |= {"dataset_path": "json", "dataset_kwargs": {"data_files": str(path)}, "test_split": "train"}
        shape |= {"doc_to_text": "{{text}}", "target_delimiter": "", "num_fewshot": 0, "metadata": {"version": 1.0}}
        shape["metric_list"] = [{"metric": metrics[name], "aggregation": "mean", "higher_is_better": True}]
        # JSON is YAML: whatever is in the path is quoted.
        lines = [f"task: {name}", *(f"{key}: {json.dumps(value)}" for key, value in shape.items())]
        (setup.workload / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = setup.folder / "tasks" / f"{PACKAGE}-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1\nSummary: workload of the serving benchmark\n", "utf-8"
    )
    points = "".join(f"{name} = {PACKAGE}\n" for name in shapes)
    (facts / "entry_points.txt").write_text(f"[lorafair.tasks]\n{points}", encoding="utf-8")


def _greedy(tokens: int) -> dict[str, Any]:
    return {"do_sample": False, "temperature": 0.0, "max_gen_toks": tokens, "until": ["\x1d\x1d\x1d"]}


def read_rows(setup: Setup, name: str) -> list[dict[str, Any]]:
    """The documents of one of the two tasks."""
    lines = (setup.workload / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def make_adapters(setup: Setup, count: int) -> None:
    """Make the adapters 1 to ``count`` that are not there yet, each from a seed of its own."""
    missing = [number for number in range(1, count + 1) if not setup.adapter(number).exists()]
    if not missing:
        return
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(setup.base, dtype="auto")
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    model.peft_config["default"].base_model_name_or_path = setup.base
    layers = [module for module in model.modules() if hasattr(module, "lora_A") and "default" in module.lora_A]
    norms = [layer.get_base_layer().weight.float().norm() for layer in layers]
    for number in missing:
        draw = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for layer, norm in zip(layers, norms, strict=True):
                a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
                a.normal_(generator=draw)
                b.normal_(generator=draw)
                b *= SHARE * norm / (layer.scaling["default"] * (b.float() @ a.float()).norm())
                a_size = a.float().norm()
                a /= a_size
                b *= a_size
        model.save_pretrained(setup.adapter(number), safe_serialization=True)
    print(f"made {len(missing)} adapters of rank {RANK} on {len(layers)} layers", flush=True)


def make_full(setup: Setup) -> None:
    """Make the full checkpoint: the base with 1% of noise on every weight, in the base's dtype."""
    if setup.full.exists():
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(setup.base, dtype="auto")
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.01 * weight.float().pow(2).mean().sqrt() * torch.randn_like(weight)
    model.save_pretrained(setup.full, safe_serialization=True)
    AutoTokenizer.from_pretrained(setup.base).save_pretrained(setup.full)
