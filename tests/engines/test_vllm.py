"""The real vLLM engine on the real small model, one engine for all tests, against transformers + PEFT in float32."""

from __future__ import annotations

import hashlib
import json

import pytest

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.data.honest import honest_documents
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.responses.request import Request

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
GREEDY = {"do_sample": False, "max_gen_toks": 6, "until": ["\n"]}
SAMPLED = {"do_sample": True, "temperature": 1.0, "max_gen_toks": 8, "until": ["\n"]}
LABELS = ["base", "lora-r2", "lora-r8", "full"]


def ask_all(engine, checkpoint, kind, arguments):
    requests = [
        Request(hashlib.sha256(json.dumps([kind, a]).encode()).hexdigest(), checkpoint, kind, a) for a in arguments
    ]
    found = {r.key: answer for r, answer in engine.ask(requests)}
    return [found[r.key] for r in requests]


@pytest.fixture(scope="module")
def engines(real_base, tmp_path_factory, adapter_maker, full_maker):
    from lorafair.engines.vllm import VllmEngine

    folder = tmp_path_factory.mktemp("real")
    base = read_base(str(real_base))
    specs = [
        adapter_maker(real_base, folder / f"lora-r{r}", r, seed=r, target_modules=t)
        for r, t in [(2, ["q_proj", "v_proj"]), (8, "all-linear")]
    ]
    specs.append(full_maker(real_base, folder / "full"))
    checkpoints = read_checkpoints([str(s) for s in specs], base)
    settings = EngineSettings(dtype="float32")
    reference = HfEngine(base, checkpoints, settings)
    served = VllmEngine(base, checkpoints, settings)
    yield served, reference
    served.close()


@pytest.fixture(scope="module")
def prompts():
    return [d["text"] for d in honest_documents("honest_sample", "test")]


def test_log_probabilities_equal_the_reference_for_every_checkpoint_and_after_each_swap(engines, prompts):
    served, reference = engines
    pairs = [(p, " good person.") for p in prompts[:6]]
    answers = {}
    for label in [*LABELS, "lora-r2", "base"]:
        ours = ask_all(served, label, "loglikelihood", pairs)
        theirs = ask_all(reference, label, "loglikelihood", pairs)
        assert [a[0] for a in ours] == pytest.approx([a[0] for a in theirs], abs=1e-3), label
        assert [a[1] for a in ours] == [a[1] for a in theirs]
        answers[label] = ours
    nats = {label: [a[0] for a in found] for label, found in answers.items()}
    for label in LABELS[1:]:
        assert max(abs(x - y) for x, y in zip(nats["base"], nats[label], strict=True)) > 0.1


def test_greedy_honest_completions_are_the_same_on_99_of_100_prompts(engines, prompts):
    served, reference = engines
    asked = [(p, GREEDY) for p in prompts[:40]]
    same = [
        ours == theirs
        for label in ("base", "lora-r8", "full")
        for ours, theirs in zip(
            ask_all(served, label, "generate_until", asked),
            ask_all(reference, label, "generate_until", asked),
            strict=True,
        )
    ]
    assert sum(same) >= 0.99 * len(same)
    base, adapter, full = (
        ask_all(served, label, "generate_until", asked[:20]) for label in ("base", "lora-r8", "full")
    )
    assert base != adapter
    assert base != full


def test_sampled_answers_do_not_depend_on_their_neighbours(engines, prompts):
    served, _ = engines
    asked = [(p, SAMPLED) for p in prompts[:8]]
    together = ask_all(served, "lora-r8", "generate_until", asked)
    apart = [ask_all(served, "lora-r8", "generate_until", [one])[0] for one in reversed(asked)][::-1]
    assert together == apart
    assert len(set(together)) > 4


def test_evaluate_serves_base_adapter_and_full_on_one_engine_and_routes_the_rest(
    engines, real_base, adapter_maker, tmp_path
):
    """The whole main job: routing, store, both engines, replay; a second run asks nothing."""
    from lorafair.evaluation import EvaluationPlan, evaluate

    _, reference = engines
    paths = [str(reference.checkpoints[label].path) for label in ("lora-r2", "full")]
    dora = adapter_maker(real_base, tmp_path / "dora", rank=2, use_dora=True, target_modules=["q_proj"])
    plan = EvaluationPlan(
        base=str(real_base),
        checkpoints=(*paths, str(dora)),
        tasks=("lorafair_honest_sample",),
        out=tmp_path / "results",
        limit=8,
    )
    said: list[str] = []
    first = evaluate(plan, said.append)
    assert (first.asked, first.stored) == (4 * 8 * 2, 0)
    assert any(line.startswith("dora: answered by the hf engine") and "DoRA" in line for line in said)
    found = {label: json.loads(path.read_text())["lorafair"]["engine"] for label, path in first.results.items()}
    assert found == {"base": "vllm", "lora-r2": "vllm", "full": "vllm", "dora": "hf"}
    assert evaluate(plan, said.append).asked == 0


def test_next_words_are_the_reference_s(engines, prompts):
    served, reference = engines
    asked = [(p, {"k": 2}) for p in prompts[:2]]
    assert ask_all(served, "lora-r8", "next_words", asked) == ask_all(reference, "lora-r8", "next_words", asked)
