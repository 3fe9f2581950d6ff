"""The real vLLM engine on the real small model, one engine for all tests, against transformers + PEFT in float32."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

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


def test_long_prompts_share_their_beginning_and_no_position_is_missed(engines, prompts):
    """Cached beginnings (the last two reach into each other's continuation), chunked prompts, whole texts."""
    served, reference = engines
    text = " ".join(prompts[:60])
    endings = [" good", " good person who", " bad", " ".join(prompts[60:75]), " ".join(prompts[60:70])]
    pairs = [(text, ending) for ending in endings]
    assert len(served.tok_encode(text)) > 512
    for label in ("base", "lora-r8"):
        ours = ask_all(served, label, "loglikelihood", pairs)
        theirs = ask_all(reference, label, "loglikelihood", pairs)
        assert [a[0] for a in ours] == pytest.approx([a[0] for a in theirs], abs=5e-3), label
        assert [a[1] for a in ours] == [a[1] for a in theirs]
        rolled, exact = (ask_all(engine, label, "loglikelihood_rolling", [(text,)]) for engine in engines)
        assert rolled == pytest.approx(exact, rel=1e-5)


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
    """More tokens than one step takes, so that some prompt comes in parts, and its draws are taken back."""
    served, _ = engines
    many = [(p, SAMPLED) for p in prompts[:90]]
    assert sum(len(served.tok_encode(p)) for p, _ in many) > 512
    asked = many[:8]
    together = ask_all(served, "lora-r8", "generate_until", many)[:8]
    apart = [ask_all(served, "lora-r8", "generate_until", [one])[0] for one in reversed(asked)][::-1]
    assert together == apart
    assert len(set(together)) > 4


def test_eval_serves_base_adapter_and_full_on_one_engine_and_routes_the_rest(
    engines, real_base, adapter_maker, tmp_path
):
    """The whole main job as a command (one in-process vLLM engine per process): routing, store, both engines, replay."""
    _, reference = engines
    command = [sys.executable, "-m", "lorafair", "eval", "--base", str(real_base), "--limit", "8"]
    command += ["--task", "lorafair_honest_sample", "--out", str(tmp_path / "results")]
    dora = adapter_maker(real_base, tmp_path / "dora", rank=2, use_dora=True, target_modules=["q_proj"])
    for path in [*(reference.checkpoints[label].path for label in ("lora-r2", "full")), dora]:
        command += ["--checkpoint", str(path)]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr[-2000:]
    assert "64 requests asked, 0 were stored" in first.stdout
    assert "dora: answered by the hf engine, because vLLM does not serve DoRA" in first.stderr
    found = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("results/*/results_*.json")}
    engine = {label: results["lorafair"]["engine"] for label, results in found.items()}
    assert engine == {"base": "vllm", "lora-r2": "vllm", "full": "vllm", "dora": "hf"}
    again = subprocess.run(command, capture_output=True, text=True)
    assert "0 requests asked, 64 were stored" in again.stdout


def test_next_words_are_the_reference_s(engines, prompts):
    served, reference = engines
    asked = [(p, {"k": 2}) for p in prompts[:2]]
    assert ask_all(served, "lora-r8", "next_words", asked) == ask_all(reference, "lora-r8", "next_words", asked)
