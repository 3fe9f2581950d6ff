"""Classifiers through the real vLLM pooling runner, as a user runs it, against transformers and PEFT in float32."""

from __future__ import annotations

import json

import pytest

from lorafair.evaluation import EvaluationPlan, evaluate

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
TASK, NAMES = "lorafair_hatecheck_sample", ["not hateful", "hateful"]
MADE = {"one": NAMES, "other": NAMES[::-1], "alone": NAMES, "three": ["not hateful", "rude", "hateful"]}
LONGEST = 24


def read_answers(path):
    """Text to the log-probabilities of its two labels, of a results folder."""
    (samples,) = path.glob("samples_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    return {line["doc"]["text"]: [float(answer[0]) for answer in line["filtered_resps"]] for line in lines}


def shrink_head(path):
    """A head as it is drawn for training: logits of about one, and float32 rounds log-probabilities below 1e-5."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    score = tensors.pop("base_model.model.score.weight")
    save_file({**tensors, "base_model.model.score.weight": score / score.shape[1] ** 0.5}, path, {"format": "pt"})


def test_adapters_and_heads_swapped_in_one_engine_answer_as_transformers_does(classifiers, llama_maker, tmp_path):
    """Heads of two sizes, their labels in two orders, one without LoRA, texts that are cut, and a second run."""
    base = llama_maker(
        tmp_path / "base", hidden=128, pad_token_id=None, max_position_embeddings=LONGEST, initializer_range=0.05
    )
    folders = [
        classifiers.make(base, tmp_path / label, names, "head" if label == "alone" else "lora", seed=number)
        for number, (label, names) in enumerate(MADE.items())
    ]

    for folder in folders:
        shrink_head(folder / "adapter_model.safetensors")

    def run(engine):
        said = []
        plan = EvaluationPlan(
            base=str(base),
            checkpoints=tuple(map(str, folders)),
            tasks=(TASK,),
            out=tmp_path / engine,
            engine=engine,
            label_map={"rude": "hateful"},
        )
        return evaluate(plan, said.append), said

    (served, said), (reference, _) = run("vllm_head"), run("head")
    assert (served.failed, served.asked) == ({}, reference.asked)
    assert any("longer than 24 tokens and lost their end" in line for line in said)
    for label in MADE:
        ours, theirs = (read_answers(tmp_path / engine / label) for engine in ("vllm_head", "head"))
        assert list(ours) == list(theirs)
        assert [x for row in ours.values() for x in row] == pytest.approx(
            [x for row in theirs.values() for x in row], abs=1e-5
        )
        told = json.loads(served.results[label].read_text())
        assert told["lorafair"]["engine"] == "vllm_head"
        assert told["lorafair"]["verification"]["deviation"] < 1e-5  # from a fresh load by transformers and PEFT
        assert (told["lorafair"]["verification"]["effect"] is None) is (label == "alone")
        mine, exact = (
            {k: v for k, v in json.loads(outcome.results[label].read_text())["results"][TASK].items() if k != "alias"}
            for outcome in (served, reference)
        )
        assert mine == pytest.approx(exact, nan_ok=True, abs=1e-5)
    plain = classifiers.ask(base, folders[0], list(read_answers(tmp_path / "vllm_head" / "one")), 2)
    assert list(read_answers(tmp_path / "vllm_head" / "one").values()) == [
        pytest.approx(row, abs=1e-5) for row in plain
    ]
    assert run("vllm_head")[0].asked == 0
