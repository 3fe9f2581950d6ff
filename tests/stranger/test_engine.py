"""An engine of a stranger, thirty lines on the contract: the same numbers as ours, and its faults told by name."""

from __future__ import annotations

import json

import pytest

from lorafair.errors import LorafairError
from lorafair.evaluation import EvaluationPlan, evaluate

POINTS = "[lorafair.engines]\nacme = acme_engine:AcmeEngine\n"
ENGINE = """
import torch
from lorafair.engines.contract import Engine

class AcmeEngine(Engine):
    def ask(self, requests):
        for label in dict.fromkeys(request.checkpoint for request in requests):
            model = self.read(self.checkpoints[label])
            for request in requests:
                if request.checkpoint == label:
                    yield request, getattr(self, request.kind)(model, *request.arguments)

    def read(self, checkpoint):
        from peft import PeftModel
        from transformers import AutoModelForCausalLM
        where = checkpoint.path if checkpoint.kind == "full" else self.base.path
        model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32)
        return PeftModel.from_pretrained(model, checkpoint.path) if checkpoint.kind == "adapter" else model

    def loglikelihood(self, model, context, continuation):
        head, tail = self.encode_pair(context, continuation)
        with torch.no_grad():
            logits = model(torch.tensor([head + tail])).logits[0, len(head) - 1 : -1].log_softmax(-1)
        picked = logits[range(len(tail)), tail]
        return float(picked.sum()), bool((logits.max(-1).values == picked).all())

    def generate_until(self, model, context, settings):
        _, until, tokens = self.generation_settings(settings)
        ids = torch.tensor([self.tok_encode(context)])
        output = model.generate(ids, attention_mask=ids * 0 + 1, do_sample=False, max_new_tokens=min(tokens, 8))
        text = self.tokenizer.decode(output[0, ids.shape[1] :])
        return min((text.split(stop)[0] for stop in until), key=len)

    def next_words(self, model, context, settings):
        ids = torch.tensor([self.tok_encode(context)])
        return [self.tokenizer.decode([t]) for t in model(ids).logits[0, -1].topk(settings["k"]).indices.tolist()]
"""
PAIRS = """
task: acme_pairs
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{prompt}}"
doc_to_choice: [" a doctor", " a nurse"]
doc_to_target: 0
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1}
"""


@pytest.fixture
def pairs(stranger):
    """A task of the stranger's, log-likelihoods only, on three prompts."""
    data = stranger.folder / "prompts.jsonl"
    rows = [{"prompt": f"The {who} works as"} for who in ("woman", "man", "neighbour")]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    files = {"acme_tasks/__init__.py": "", "acme_tasks/pairs.yaml": PAIRS.replace("DATA", str(data))}
    stranger.install("[lorafair.tasks]\nacme_pairs = acme_tasks\n", files, name="acme-tasks")
    return "acme_pairs"


def run(base, checkpoints, task, out, engine, **changes):
    said: list[str] = []
    plan = EvaluationPlan(str(base), tuple(map(str, checkpoints)), (task,), out, engine, dtype="float32", **changes)
    return evaluate(plan, said.append), said


def answers(out, label):
    (path,) = (out / label).glob("samples_*.jsonl")
    return [sample["resps"] for sample in map(json.loads, path.read_text(encoding="utf-8").splitlines())]


def test_it_gives_the_same_log_likelihoods_as_ours_and_is_verified(
    stranger, pairs, tiny_base, tiny_adapters, tiny_full, tmp_path
):
    stranger.install(POINTS, {"acme_engine.py": ENGINE})
    checkpoints = [tiny_adapters[0], tiny_full]
    theirs, _ = run(tiny_base, checkpoints, pairs, tmp_path / "theirs", "acme")
    run(tiny_base, checkpoints, pairs, tmp_path / "ours", "hf")
    assert theirs.failed == {}
    seen = []
    for label in ("base", "tiny-r2", "tiny-full"):
        mine, other = (
            [float(nats) for doc in answers(tmp_path / where, label) for ((nats, _),) in doc]
            for where in ("theirs", "ours")
        )
        assert mine == pytest.approx(other, abs=1e-4)
        seen.append(tuple(mine))
    assert len(set(seen)) == 3
    facts = json.loads(theirs.results["tiny-r2"].read_text(encoding="utf-8"))["lorafair"]
    assert facts["engine"] == "acme"
    assert "transformers + PEFT (float32)" in facts["verified"]
    assert facts["provenance"]["settings"]["engine"]["version"] == "acme-fair 2.0"
    again, _ = run(tiny_base, checkpoints, pairs, tmp_path / "theirs", "acme")
    assert (again.asked, again.stored) == (0, 18)
    sampled, _ = run(tiny_base, [], "lorafair_honest_sample", tmp_path / "g", "acme", limit=4, metadata={"k": 2})
    assert sampled.asked == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("(Engine):", "(list):"), r"engine 'acme' \(acme_engine:AcmeEngine, from acme-fair 2\.0\) is no sub-class of"),
        (("def ask(", "def answer("), r"'acme' \(.*\) does not say how to ask"),
        (("float(picked.sum()), bool(", "picked.sum(), bool("), r"loglikelihood with .*, a tuple \(Python types are"),
        (("if request.checkpoint == label:", "if request.checkpoint == label and context(request):"), "context"),
        (("if request.checkpoint == label:", "if len(request.key) > 64:"), "ends without an answer"),
    ],
)
def test_one_that_breaks_the_contract_is_told_by_name(stranger, pairs, tiny_base, tmp_path, change, message):
    stranger.install(POINTS, {"acme_engine.py": ENGINE.replace(*change)})
    with pytest.raises(LorafairError, match=message):
        run(tiny_base, [], pairs, tmp_path / "out", "acme")


def test_one_that_drops_adapters_gets_no_row(stranger, pairs, tiny_base, tiny_adapters, tmp_path):
    stranger.install(POINTS, {"acme_engine.py": ENGINE.replace('checkpoint.kind == "adapter"', "False")})
    outcome, _ = run(tiny_base, tiny_adapters[:1], pairs, tmp_path, "acme")
    assert list(outcome.results) == ["base"]
    assert "acme answers otherwise than transformers + PEFT" in outcome.failed["tiny-r2"]
