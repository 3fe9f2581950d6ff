"""Estimates of a plan: weights counted as PEFT counts them, memory as a process really takes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lorafair.audit.estimate import count_tokens, count_trainable, estimate_memory, read_shape, tell_seconds
from lorafair.checkpoint import read_base
from lorafair.plan import Plan, plan_runs

LORAFAIR = Path(sys.executable).parent / "lorafair"


def plan(method="lora", rank=8, **settings):
    targets = settings.pop("target_modules", ("all-linear",))
    found = Plan("b", "d", (method,), (rank,) if method != "full" else (), target_modules=targets, settings=settings)
    (run,) = plan_runs(found)
    return run


@pytest.mark.parametrize("targets", [("all-linear",), ("q_proj", "v_proj")])
def test_trained_weights_are_those_that_peft_trains(tiny_base, targets):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    shape = read_shape(read_base(str(tiny_base)))
    assert count_trainable(shape, plan("full")) == sum(p.numel() for p in model.parameters())
    wanted = targets[0] if len(targets) == 1 else list(targets)
    peft = get_peft_model(model, LoraConfig(r=3, target_modules=wanted))
    assert count_trainable(shape, plan(rank=3, target_modules=targets)) == peft.get_nb_trainable_parameters()[0]


def test_tokens_are_counted_with_the_tokenizer_or_said_to_be_guessed(tiny_base):
    from transformers import AutoTokenizer

    texts = ["The woman is a nurse.", "He"]
    lengths = [len(ids) + 1 for ids in AutoTokenizer.from_pretrained(tiny_base)(texts)["input_ids"]]
    assert count_tokens(read_base(str(tiny_base)), texts) == (sum(lengths) / 2, max(lengths), True)
    assert count_tokens(None, texts)[2] is False
    assert [tell_seconds(s) for s in (3, 600, 86400)] == ["3 s", "10 min", "24.0 h"]


def measure(base, tmp_path, method, rows, words, batch):
    """(estimated, measured) peak bytes of `lorafair train` in a process of its own."""
    text = " the woman said that the man would come back to the house" * 40
    data = tmp_path / "data.jsonl"
    completion = " ".join(text.split()[:words])
    data.write_text("\n".join(json.dumps({"prompt": "Who", "completion": " " + completion}) for _ in range(rows)))
    command = [LORAFAIR, "train", "--base", base, "--data", data, "--method", method, "--batch-size", batch]
    command += ["--rank", 8] if method == "lora" else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # from a small process: a child's peak begins with what its parent held when it was forked
    small = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    started = [sys.executable, "-c", small, *map(str, command), "--out", str(tmp_path / "runs")]
    done = subprocess.run(started, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    found = read_base(str(base))
    longest = count_tokens(found, ["Who " + completion])[1]
    run = plan(method, batch_size=batch)
    return estimate_memory(read_shape(found), run, longest, last=True), int(done.stdout) * 1024


def test_memory_of_a_tiny_model_is_the_process(tiny_base, tmp_path):
    estimated, measured = measure(tiny_base, tmp_path, "lora", 16, 20, 8)
    assert estimated == pytest.approx(measured, rel=0.25)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("method", "words", "batch"), [("lora", 30, 8), ("lora", 150, 8), ("full", 30, 8), ("full", 120, 4)]
)
def test_memory_of_a_real_model_within_a_quarter(real_base, tmp_path, method, words, batch):
    estimated, measured = measure(real_base, tmp_path, method, 3 * batch, words, batch)
    assert estimated == pytest.approx(measured, rel=0.25), f"{estimated / 1e9:.2f} GB, measured {measured / 1e9:.2f}"
