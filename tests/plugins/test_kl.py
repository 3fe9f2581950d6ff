"""KL and its kin: the formula against scipy in float64, the probe against models run by hand, and its faults."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from lorafair.cli.main import cli
from lorafair.plugins.probes.kl import kl
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax
from scipy.stats import entropy

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.divergence import compare_rows
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.errors import LorafairError
from lorafair.probe_text import Placed, cut_batches

DOCUMENTS = [
    {"id": "1", "prompt": "The woman works as a", "completion": " doctor in town."},
    {"id": "2", "prompt": "The man", "completion": " sings"},
    {"id": "3", "text": "My neighbour spends every evening as a"},
]


def reference(ours, base):
    """The four divergences of logits (n, V) in float64."""
    p, q = (np.exp(log_softmax(np.asarray(x, dtype=np.float64), axis=-1)) for x in (ours, base))
    return np.stack(
        [entropy(p, q, axis=-1), entropy(q, p, axis=-1), abs(p - q).sum(-1) / 2, jensenshannon(p, q, axis=-1) ** 2], -1
    )


@pytest.mark.parametrize("spread", [0.0, 1e-3, 0.3, 3.0, 30.0])
def test_divergences_are_scipys(spread):
    draw = np.random.default_rng(1)
    base = draw.normal(0, 3, (7, 50_000)).astype(np.float32)
    ours = base + draw.normal(0, spread, base.shape).astype(np.float32) if spread else base
    found = compare_rows(torch.tensor(ours), torch.tensor(base)).numpy()
    np.testing.assert_allclose(found, reference(ours, base), atol=1e-5, rtol=1e-5)
    if not spread:
        assert (found == 0).all()


def test_what_is_impossible_in_one_is_infinitely_far_and_a_nan_stays_one():
    base = torch.tensor([[0.0, 0.0, -torch.inf], [0.0, torch.nan, 0.0]])
    found = compare_rows(torch.zeros(2, 3), base)
    assert found[0, 0] == torch.inf
    assert found[0, 1] == pytest.approx(np.log(1.5))
    assert found[1].isnan().all()
    assert compare_rows(base[:0], base[:0]).shape == (0, 4)


@pytest.fixture(scope="module")
def served(tiny_base, tiny_full, adapter_maker, tmp_path_factory):
    """An engine in float32 with a random adapter, one that does nothing, it merged, and a full model."""
    from peft import PeftModel
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("kl")
    lora = adapter_maker(tiny_base, folder / "lora")
    idle = adapter_maker(tiny_base, folder / "idle")
    weights = load_file(idle / "adapter_model.safetensors")
    save_file(
        {k: v * 0 if "lora_B" in k else v for k, v in weights.items()},
        idle / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, lora).merge_and_unload()
    merged.save_pretrained(folder / "merged")
    pissa = adapter_maker(tiny_base, folder / "bias", bias="lora_only")
    base = read_base(str(tiny_base))
    names = [f"lora={lora}", f"idle={idle}", f"merged={folder / 'merged'}", f"full={tiny_full}", f"bias={pissa}"]
    engine = HfEngine(base, read_checkpoints(names, base), EngineSettings(dtype="float32", device="cpu"))
    yield engine
    engine.close()


def ask(engine, label, documents=DOCUMENTS, **settings):
    with torch.no_grad():
        return list(kl(engine, engine.checkpoints[label], documents, **settings))


def expect(engine, label):
    """Per document the divergences at every position, from two models loaded by hand, one text at a time, float64."""
    found = []
    for document in DOCUMENTS:
        prompt, answer = document.get("prompt", document.get("text")), document.get("completion", "")
        context, own = engine.encode_pair(prompt, answer) if answer else (engine.tok_encode(prompt), [])
        ids, logits = torch.tensor([[*context, *own]]), []
        for checkpoint in (engine.checkpoints[label], engine.base):
            with engine.lend(checkpoint) as model, torch.no_grad():
                logits.append(model(ids).logits[0, len(context) - 1 : len(context) - 1 + max(len(own), 1)].double())
        found.append(reference(*logits))
    return found


@pytest.mark.parametrize("label", ["lora", "merged", "full", "bias"])
def test_a_checkpoint_is_as_far_away_as_two_models_run_by_hand(served, label):
    expected, found = expect(served, label), ask(served, label)
    for document, values, record in zip(DOCUMENTS, expected, found, strict=True):
        assert (record["id"], record["positions"], record["cut"]) == (document["id"], len(values), 0)
        first = [record[f"first_{kind}"] for kind in ("kl", "kl_base", "tv", "js")]
        mean = [record[kind] for kind in ("kl", "kl_base", "tv", "js")]
        np.testing.assert_allclose(first, values[0], atol=1e-5, rtol=1e-4)
        np.testing.assert_allclose(mean, values.mean(0), atol=1e-5, rtol=1e-4)
        assert record["kl"] > 1e-4


def test_nothing_changed_is_exactly_nothing_and_merging_changes_nothing(served):
    for label in ("base", "idle"):
        for record in ask(served, label):
            assert {record[key] for key in record if key not in ("id", "positions", "cut")} == {0.0}
    for one, other in zip(ask(served, "lora"), ask(served, "merged"), strict=True):
        assert one["kl"] == pytest.approx(other["kl"], abs=1e-5)
        assert one["first_tv"] == pytest.approx(other["first_tv"], abs=1e-5)


def test_a_greedy_answer_is_the_checkpoints_own(served):
    from lorafair.engines.question import ask_engine

    found = ask(served, "lora", texts="greedy", tokens=5)
    settings = {"do_sample": False, "temperature": 0.0, "max_gen_toks": 5, "until": []}
    prompts = [(each.get("prompt", each.get("text")), settings) for each in DOCUMENTS]
    texts = ask_engine(served, served.checkpoints["lora"], "generate_until", prompts)
    given = [
        {"id": each["id"], "prompt": prompt[0], "completion": text}
        for each, prompt, text in zip(DOCUMENTS, prompts, texts, strict=True)
    ]
    assert found == ask(served, "lora", given)
    assert max(each["positions"] for each in found) > 1


def test_long_texts_lose_their_start_and_say_so(served):
    (record,) = ask(served, "lora", [{"id": "1", "text": "a b " * 2000}])
    assert record["cut"] == 1
    assert record["positions"] == 1


def test_batches_hold_each_text_once_and_keep_to_their_size():
    draw = np.random.default_rng(2)
    placed = []
    for length in draw.integers(1, 60, 200):
        start = int(draw.integers(0, length))
        placed.append(Placed([1] * int(length), range(start, int(length)), False))
    batches = cut_batches(placed, 64)
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    for batch in batches:
        width = max(len(placed[i].ids) for i in batch)
        first = min(placed[i].places.start for i in batch)
        assert len(batch) == 1 or len(batch) * (width - first) <= 64


def test_faults_are_named(served, tiny_base, full_maker, tmp_path):
    with pytest.raises(
        LorafairError, match=r"(?s)texts is 'own'.*tokens is 0.*no `text` or `prompt` in 1 documents \(7\)"
    ):
        ask(served, "lora", [{"id": "7"}], texts="own", tokens=0)
    full = served.checkpoints["full"]
    with served.lend(full) as model:
        model.lm_head.weight.data[3] = torch.nan
        served.lend, kept = (lambda _: __import__("contextlib").nullcontext(model)), served.lend
        try:
            with pytest.raises(LorafairError, match="are not numbers on 1, 2, 3"):
                ask(served, "full")
        finally:
            served.lend = kept


def test_the_command_writes_records_for_every_model(tiny_base, tiny_adapters, tmp_path):
    data = tmp_path / "texts.jsonl"
    data.write_text("".join(json.dumps(each) + "\n" for each in DOCUMENTS), encoding="utf-8")
    command = ["probe", "kl", "--base", tiny_base, "--checkpoint", f"one={tiny_adapters[0]}", "--data", data]
    outcome = CliRunner().invoke(cli, [str(part) for part in [*command, "--out", tmp_path / "out"]])
    assert outcome.exit_code == 0, outcome.output
    lines = (tmp_path / "out" / "one" / "probe_kl.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(DOCUMENTS)
    assert all(json.loads(line)["values"]["kl"] > 0 for line in lines)
