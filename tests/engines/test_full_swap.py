"""Full checkpoints swapped into a running vLLM engine, tied and untied heads, against fresh engines."""

from __future__ import annotations

import pytest

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.serving.prompt import plan_verification, read_answers
from lorafair.serving.session import ProcessSession

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
SETTINGS = EngineSettings(dtype="float32")


def ask(session, checkpoint, repeat):
    """Log-probabilities of the verification prompts, each time under keys of its own."""
    (requests,) = plan_verification(checkpoint.label, {"checkpoint": checkpoint.hash, "repeat": repeat}, 1)
    return read_answers(requests, {r.key: answer for r, answer in session.ask(requests)})


@pytest.mark.parametrize("tied", [True, False])
def test_swapped_in_it_equals_a_fresh_engine_and_base_and_adapter_come_back(
    tied, llama_maker, adapter_maker, full_maker, tmp_path
):
    path = llama_maker(
        tmp_path / "base", hidden=128, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=tied
    )
    adapter = adapter_maker(path, tmp_path / "lora", rank=4, seed=1)
    fulls = [full_maker(path, tmp_path / f"full{seed}", seed=seed, size=0.2) for seed in ((1, 2) if tied else (1,))]
    base = read_base(str(path))
    lora, *full = read_checkpoints([str(adapter), *map(str, fulls)], base)
    running = ProcessSession("vllm", base, [lora, *full], SETTINGS)
    try:
        before = ask(running, base, 0), ask(running, lora, 0)
        swapped = [ask(running, one, 0) for one in full]
        after = ask(running, base, 1), ask(running, lora, 1)
    finally:
        running.close()
    for one, answers in zip(full, swapped, strict=True):
        fresh = ProcessSession("vllm", base, [one], SETTINGS)
        try:
            assert answers == pytest.approx(ask(fresh, one, 0), abs=1e-4)
        finally:
            fresh.close()
    assert after[0] == pytest.approx(before[0], abs=1e-4)
    assert after[1] == pytest.approx(before[1], abs=1e-4)
    for i, one in enumerate([*before, *swapped]):
        for other in [*before, *swapped][:i]:
            assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.1
